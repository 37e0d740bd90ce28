use std::sync::Arc;

use inwren_domain::client::ClientId;
use inwren_domain::provider::consents;
use poem_openapi::OpenApi;
use poem_openapi::param::Path;

use super::answers::{self, no_grant};
use super::dto::{GrantDto, GrantListDto};
use crate::config::by_user;
use crate::http::shared::authentication::bearer::Authenticated;
use crate::http::shared::client::Client;
use crate::http::shared::responses::{self, Answer, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct GrantsApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me/grants", tag = "ApiTags::CurrentUser")]
impl GrantsApi {
    /// List your grants
    ///
    /// Lists the applications that you have allowed to read your claims, oldest first. Applications of the operator
    /// need no consent and are not in the list.
    #[oai(path = "/", method = "get", operation_id = "list_grants")]
    async fn list(
        &self,
        caller: Authenticated<by_user::Grants>,
    ) -> Answer<Json<GrantListDto>, responses::Authenticated> {
        let grants = consents::list(&self.0.core, &caller.0).await?;
        Ok(Json(GrantListDto { items: grants.iter().map(GrantDto::from).collect() }))
    }

    /// Revoke a grant
    ///
    /// Withdraws your consent to an application, and revokes its sessions and tokens immediately. The application has
    /// to ask again.
    #[oai(path = "/:client_id", method = "delete", operation_id = "revoke_grant")]
    async fn revoke(
        &self,
        caller: Authenticated<by_user::RevokeGrant>,
        client: Client,
        /// The `client_id` of the application.
        client_id: Path<String>,
    ) -> Answer<NoContent, answers::RevokeGrant> {
        let id = ClientId::parse(&client_id.0).map_err(|_| no_grant())?;
        consents::revoke(&self.0.core, &caller.0, &id, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}
