use std::sync::Arc;

use inwren_domain::account::lost_factor;
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::answers;
use super::dto::{ActionTokenRequest, LostFactorRequest};
use crate::config::by_client;
use crate::http::authn::check_account;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::responses::{Accepted, Answer, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct LostFactorApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth/lost-factor", tag = "ApiTags::Recovery")]
impl LostFactorApi {
    /// Request the removal of lost second factors
    ///
    /// For a user who knows the password and has lost all second factors. Letters announce the removal and have a link
    /// that cancels it. After the delay that the operator has set, the factors are removed and all sessions end. The
    /// response is the same for wrong credentials. Status 404 if the operator has disabled the removal.
    #[oai(path = "/", method = "post", operation_id = "request_factor_removal")]
    async fn request(
        &self,
        _limit: Limited<by_client::Login>,
        slot: LimitSlot,
        client: Client,
        body: JsonBody<LostFactorRequest>,
    ) -> Answer<Accepted, answers::LostFactor> {
        let LostFactorRequest { email, password } = body.0;
        let password = Zeroizing::new(password);
        let email = Email::parse_for_lookup(&email)?;
        check_account(&self.0, &slot, &email, &client.0).await?;
        lost_factor::request(&self.0.core, &email, Password::new(&password), &client.0).await?;
        Ok(Accepted::Accepted)
    }

    /// Cancel the removal of second factors
    ///
    /// Keeps the second factors by the link in a letter that announces their removal.
    #[oai(path = "/cancel", method = "post", operation_id = "cancel_factor_removal")]
    async fn cancel(
        &self,
        _limit: Limited<by_client::KeepFactors>,
        client: Client,
        body: JsonBody<ActionTokenRequest>,
    ) -> Answer<NoContent, answers::KeepFactors> {
        let token = Zeroizing::new(body.0.token);
        lost_factor::cancel(&self.0.core, &token, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}
