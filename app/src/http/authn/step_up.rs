use std::sync::Arc;

use inwren_domain::authn::reauthenticate;
use inwren_domain::credential::Password;
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::account_limit::check_account;
use super::answers::{self, no_options, not_stepped_up};
use super::dto::StepUpRequest;
use crate::config::by_user;
use crate::http::session::TokenDto;
use crate::http::shared::authentication::bearer::Enrolling;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::passkeys::{CredentialRequestDto, require_relying_party};
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::second_factor::FactorFields;
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct StepUpApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth/step-up", tag = "ApiTags::Authentication")]
impl StepUpApi {
    /// Start a step-up with a passkey
    ///
    /// Returns the options for `navigator.credentials.get()`, with your passkeys.
    #[oai(path = "/options", method = "post", operation_id = "start_step_up")]
    async fn options(
        &self,
        caller: Enrolling<by_user::StepUp>,
    ) -> Answer<Json<CredentialRequestDto>, answers::StepUpOptions> {
        let core = &self.0.core;
        require_relying_party(core)?;
        let request = reauthenticate::options(core, &caller.0.0).await;
        Ok(Json(request.map_err(|failure| no_options(core, failure))?.into()))
    }

    /// Step up your session
    ///
    /// Proves the session again (RFC 9470): with the password, a second factor, or both. Returns a new pair of tokens
    /// of the same session, with a new `auth_time` and `acr`. The old tokens of the session end. A password alone gives
    /// `aal1`.
    #[oai(path = "/", method = "post", operation_id = "step_up")]
    async fn step_up(
        &self,
        slot: LimitSlot,
        caller: Enrolling<by_user::StepUp>,
        client: Client,
        body: JsonBody<StepUpRequest>,
    ) -> Answer<Json<TokenDto>, answers::StepUp> {
        let (core, principal) = (&self.0.core, &caller.0.0);
        let StepUpRequest { password, method, code, credential } = body.0;
        let password = password.map(|text| Password::new(&Zeroizing::new(text)));
        let shown = method.map(|method| FactorFields { method, code, credential });
        let answer = shown.map(|shown| shown.answer("")).transpose()?;
        if password.is_some() {
            check_account(&self.0, &slot, &principal.user().email, &client.0).await?;
        }
        let command = reauthenticate::Command { password, answer };
        let started = reauthenticate::execute(core, principal, command, &client.0).await;
        let started = started.map_err(|failure| not_stepped_up(core, principal, failure))?;
        Ok(Json(started.into_tokens(core)?.into()))
    }
}
