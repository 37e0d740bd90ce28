use std::sync::Arc;

use inwren_domain::credential::{self, Password};
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::answers;
use super::dto::ChangePasswordRequest;
use crate::config::by_user;
use crate::http::authn::check_account;
use crate::http::session::TokenDto;
use crate::http::shared::authentication::bearer::Authenticated;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct CredentialApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl CredentialApi {
    /// Change your password
    ///
    /// Revokes all your other sessions, and returns a new pair of tokens for this one. Requires a recent login and the
    /// current password.
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        slot: LimitSlot,
        caller: Authenticated<by_user::ChangePassword>,
        client: Client,
        body: JsonBody<ChangePasswordRequest>,
    ) -> Answer<Json<TokenDto>, answers::ChangePassword> {
        let current = Zeroizing::new(body.0.current_password);
        let new = Zeroizing::new(body.0.new_password);
        let command = credential::change_password::Command {
            current_password: Password::new(&current),
            new_password: Password::new(&new),
        };
        credential::change_password::admissible(&self.0.core, &caller.0, &command)?;
        check_account(&self.0, &slot, &caller.0.user().email, &client.0).await?;
        let pair = credential::change_password::execute(&self.0.core, &caller.0, command, &client.0).await?;
        Ok(Json(pair.into()))
    }
}
