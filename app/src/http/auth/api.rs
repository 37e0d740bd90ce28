use std::sync::Arc;

use inwren_domain::credential::Password;
use inwren_domain::kernel::{Email, PlainToken};
use inwren_domain::{Failure, PortFailure, account, authn, session};
use poem::Request;
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::account_limit::check_account;
use super::answers;
use super::dto::{LoginRequest, RefreshRequest, RegisterRequest, TokenDto};
use crate::config::{Operation, by_client};
use crate::http::auth_scheme::Authenticated;
use crate::http::body::JsonBody;
use crate::http::client::Client;
use crate::http::limited::{Limited, LimitedBody};
use crate::http::limits::LimitSlot;
use crate::http::problem::Problem;
use crate::http::refusals::invalid_token;
use crate::http::responses::{self, Answer, Created, Json, NoContent};
use crate::http::state::AppState;
use crate::http::tags::ApiTags;
use crate::http::users::UserDto;
use crate::metrics::RefreshOutcome;

pub(in crate::http) struct AuthApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl AuthApi {
    /// Register
    ///
    /// Makes an account. It can log in at once.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        _limit: Limited<by_client::Register>,
        client: Client,
        body: JsonBody<RegisterRequest>,
    ) -> Answer<Created<UserDto>, answers::Register> {
        let RegisterRequest { email, password, tier } = body.0;
        let password = Zeroizing::new(password);
        let command = account::register::Command {
            email: Email::parse(&email)?,
            password: Password::new(&password),
            tier,
            client: client.0,
        };
        let registered = account::register::execute(&self.0.core, command).await;
        self.0.metrics.outcomes.registrations.count((&registered).into());
        let user = registered?;
        Ok(Created::Created(Json(UserDto::from(&user)), self.0.issuer.at("/users/me")))
    }

    /// Log in
    ///
    /// Opens a session and gives its first pair of tokens. The answer and its time are the same for an unknown address,
    /// a wrong password and a deactivated account.
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

    /// Refresh
    ///
    /// Exchanges a refresh token for the next pair. Used a second time within the grace, because an answer was lost or
    /// two tabs raced, it gives the same refresh token again; used after that, it ends the session.
    #[oai(path = "/refresh", method = "post", operation_id = "refresh")]
    async fn refresh(
        &self,
        request: &Request,
        slot: LimitSlot,
        client: Client,
        body: LimitedBody<by_client::Refresh, JsonBody<RefreshRequest>>,
    ) -> Answer<Json<TokenDto>, answers::Refresh> {
        let token = PlainToken::new(body.0.0.refresh_token);
        Ok(Json(refresh(&self.0, request, &slot, token, &client).await?.into()))
    }

    /// Log out
    ///
    /// Ends the session of the access token. Its tokens are refused from now on.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        _limit: Limited<by_client::Logout>,
        caller: Authenticated,
        client: Client,
    ) -> Answer<NoContent, responses::Authenticated> {
        session::logout::execute(&self.0.core, &caller.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}

/// Logs in, for every way of doing so, and writes down why somebody could not.
pub(super) async fn log_in(
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

/// Refreshes, for every way of doing so. A token that is ours is limited by its session, any other by the client.
pub(super) async fn refresh(
    state: &AppState,
    request: &Request,
    slot: &LimitSlot,
    token: PlainToken,
    client: &Client,
) -> Result<inwren_domain::token::TokenPair, Problem> {
    // A clock that is ahead makes valid tokens look expired, and a client that gets 401 here discards its session.
    if let Err(ahead) = state.core.clock.signing_time() {
        state.limits.check_client(request, Operation::Refresh).await?;
        state.metrics.outcomes.refreshes.count(RefreshOutcome::Failed);
        return Err(PortFailure::from(ahead).into());
    }
    let presented = match session::refresh::Presented::verify(&state.core, token) {
        Ok(presented) => presented,
        Err(reason) => {
            state.limits.check_client(request, Operation::Refresh).await?;
            state.metrics.outcomes.refreshes.count(RefreshOutcome::Invalid);
            tracing::info!(%reason, "refresh token refused");
            return Err(invalid_token());
        }
    };
    state.limits.check_session(slot, Operation::Refresh, presented.session_id()).await?;
    let result = session::refresh::execute(&state.core, presented, &client.0).await;
    state.metrics.outcomes.refreshes.count((&result).into());
    result.map(session::refresh::Refreshed::into_tokens).map_err(|failure| {
        if let Failure::Refused(reason) = &failure {
            tracing::info!(?reason, "refresh refused");
        }
        failure.into()
    })
}
