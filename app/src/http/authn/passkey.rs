use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::authn::passkey_login;
use poem_openapi::OpenApi;

use super::answers;
use super::dto::PasskeyLoginRequest;
use super::log_in::log_refusal;
use crate::config::by_client;
use crate::http::session::TokenDto;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::passkeys::{CredentialRequestDto, require_relying_party};
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct PasskeyLoginApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth/passkey", tag = "ApiTags::Authentication")]
impl PasskeyLoginApi {
    /// Start a login with a passkey
    ///
    /// Returns the options for `navigator.credentials.get()`. They name no account: the user chooses a passkey of this
    /// service.
    #[oai(path = "/options", method = "post", operation_id = "start_passkey_login")]
    async fn options(
        &self,
        _limit: Limited<by_client::PasskeyOptions>,
    ) -> Answer<Json<CredentialRequestDto>, answers::PasskeyOptions> {
        Ok(Json(passkey_login::options(&self.0.core).await?.into()))
    }

    /// Log in with a passkey
    ///
    /// Starts a session with the answer of a passkey that has verified its user, without a password. The response is
    /// the same for an unknown passkey, a wrong answer and a deactivated account.
    #[oai(path = "/login", method = "post", operation_id = "login_with_passkey")]
    async fn login(
        &self,
        _limit: Limited<by_client::PasskeyLogin>,
        client: Client,
        body: JsonBody<PasskeyLoginRequest>,
    ) -> Answer<Json<TokenDto>, answers::PasskeyLogin> {
        require_relying_party(&self.0.core)?;
        let assertion = body.0.credential.decode()?;
        let result = passkey_login::execute(&self.0.core, assertion, false, client.0).await;
        self.0.metrics.outcomes.logins.count((&result).into());
        if let Err(Failure::Refused(refusal)) = &result {
            log_refusal(refusal, refusal.user());
        }
        Ok(Json(result?.into_tokens(&self.0.core)?.into()))
    }
}
