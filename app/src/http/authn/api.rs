use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::authn::{factor_login, login, second_step};
use inwren_domain::credential::Password;
use inwren_domain::kernel::{Email, PlainToken};
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::account_limit::check_account;
use super::answers;
use super::dto::{FactorLoginRequest, LoginRequest, LoginTokenDto};
use super::log_in::{LoggedIn, log_in, log_refusal};
use crate::config::by_client;
use crate::http::session::TokenDto;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::responses::{Answer, Json};
use crate::http::shared::second_factor::{FactorFields, second_factor_required};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct LoginApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl LoginApi {
    /// Log in
    ///
    /// Starts a session and returns its first pair of tokens. The response, and the time it takes, are the same for an
    /// unknown address, a wrong password and a deactivated account. If the account has a second factor, a correct
    /// password gets 401 with `second-factor-required` and a `challenge` for the second step. A trusted device sends
    /// `device_token` and leaves that step out.
    #[oai(path = "/login", method = "post", operation_id = "login")]
    async fn login(
        &self,
        _limit: Limited<by_client::Login>,
        slot: LimitSlot,
        client: Client,
        body: JsonBody<LoginRequest>,
    ) -> Answer<Json<TokenDto>, answers::Login> {
        let LoginRequest { email, password, device_token } = body.0;
        let password = Zeroizing::new(password);
        let email = Email::parse_for_lookup(&email)?;
        check_account(&self.0, &slot, &email, &client.0).await?;
        let command = login::Command {
            email,
            password: Password::new(&password),
            device_token: device_token.map(PlainToken::new),
            in_browser: false,
            client: client.0,
        };
        match log_in(&self.0, command).await? {
            LoggedIn::Started(started) => Ok(Json(started.into_tokens(&self.0.core)?.into())),
            LoggedIn::NeedsFactor(needed) => {
                let step = second_step::begin(&self.0.core, *needed).await?;
                Err(second_factor_required(step).into())
            }
        }
    }

    /// Log in with a second factor
    ///
    /// The second step of a login: answers the `challenge` of the first step with a code or a passkey, and starts a
    /// session. A challenge allows 5 wrong answers. After 20 wrong codes within 24 hours, the method is closed for a
    /// day, or until the user shows another factor.
    #[oai(path = "/login/factor", method = "post", operation_id = "login_with_factor")]
    async fn factor(
        &self,
        _limit: Limited<by_client::FactorLogin>,
        client: Client,
        body: JsonBody<FactorLoginRequest>,
    ) -> Answer<Json<LoginTokenDto>, answers::FactorLogin> {
        let FactorLoginRequest { challenge, method, code, credential, remember_device } = body.0;
        let command = factor_login::Command {
            challenge: PlainToken::new(challenge),
            answer: FactorFields { method, code, credential }.answer("")?,
            remember_device: remember_device.unwrap_or(false),
            in_browser: false,
            client: client.0,
        };
        let result = factor_login::execute(&self.0.core, command).await;
        self.0.metrics.outcomes.logins.count((&result).into());
        if let Err(Failure::Refused(refusal)) = &result {
            log_refusal(refusal, refusal.user());
        }
        let logged_in = result?;
        let device_token = logged_in.device_token.map(|token| token.expose().to_owned());
        let tokens = logged_in.started.into_tokens(&self.0.core)?.into();
        Ok(Json(LoginTokenDto { tokens, device_token }))
    }
}
