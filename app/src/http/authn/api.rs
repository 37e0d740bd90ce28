use std::sync::Arc;

use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use inwren_domain::{Failure, authn};
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::account_limit::check_account;
use super::answers;
use super::dto::LoginRequest;
use crate::config::by_client;
use crate::http::session::TokenDto;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct LoginApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl LoginApi {
    /// Log in
    ///
    /// Starts a session and returns its first pair of tokens. The response, and the time it takes, are the same for an
    /// unknown address, a wrong password and a deactivated account.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        _limit: Limited<by_client::Login>,
        slot: LimitSlot,
        client: Client,
        body: JsonBody<LoginRequest>,
    ) -> Answer<Json<TokenDto>, answers::Login> {
        let LoginRequest { email, password } = body.0;
        let password = Zeroizing::new(password);
        let email = Email::parse_for_lookup(&email)?;
        check_account(&self.0, &slot, &email, &client.0).await?;
        let command = authn::login::Command { email, password: Password::new(&password), client: client.0 };
        Ok(Json(log_in(&self.0, command).await?.into()))
    }
}

/// Logs a user in, for all login endpoints. Counts the outcome and logs why a login was refused.
pub(in crate::http) async fn log_in(
    state: &AppState,
    command: authn::login::Command,
) -> Result<inwren_domain::token::TokenPair, Problem> {
    let result = authn::login::execute(&state.core, command).await;
    state.metrics.outcomes.logins.count((&result).into());
    result.map_err(|failure| {
        if let Failure::Refused(reason) = &failure {
            let user_id = reason.user().map(tracing::field::display);
            tracing::info!(%reason, user_id, "login refused");
        }
        failure.into()
    })
}
