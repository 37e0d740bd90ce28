use std::sync::Arc;

use inwren_domain::kernel::{AgeCursor, PlainToken, SessionId};
use inwren_domain::{Failure, PortFailure, session};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;

use super::answers::{self, SessionListing, default_sessions, page_of_sessions};
use super::dto::{RefreshRequest, TokenDto};
use crate::config::{Operation, by_client, by_user};
use crate::http::shared::authentication::bearer::{Authenticated, Enrolling};
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::LimitedBody;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::parameter::Parameter;
use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::invalid_token;
use crate::http::shared::responses::{self, Answer, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;
use crate::observability::metrics::RefreshOutcome;

pub(in crate::http) struct RefreshApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl RefreshApi {
    /// Refresh tokens
    ///
    /// Exchanges a refresh token for a new pair of tokens. A client whose response was lost, or two tabs that refresh
    /// concurrently, may use the same token again within the grace period: each gets the same new refresh token. Later
    /// reuse revokes the session.
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
    /// Revokes the session of the access token, and with it all tokens of the session.
    #[oai(path = "/logout", method = "post", operation_id = "logout")]
    async fn logout(
        &self,
        caller: Enrolling<by_user::Logout>,
        client: Client,
    ) -> Answer<NoContent, responses::Enrolling> {
        session::logout::execute(&self.0.core, &caller.0.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}

/// Refreshes a session of the API, for both of its endpoints.
pub(in crate::http) async fn refresh(
    state: &AppState,
    request: &Request,
    slot: &LimitSlot,
    token: PlainToken,
    client: &Client,
) -> Result<inwren_domain::token::TokenPair, Problem> {
    let presented = presented(state, request, slot, token).await?;
    let result = session::refresh::execute(&state.core, presented, &client.0).await;
    state.metrics.outcomes.refreshes.count((&result).into());
    result.map(session::refresh::Refreshed::into_tokens).map_err(|failure| {
        if let Failure::Refused(reason) = &failure {
            tracing::info!(?reason, "refresh refused");
        }
        failure.into()
    })
}

/// Verifies a refresh token, for all refresh endpoints, and charges the request: a valid token to its session's rate
/// limit, any other to the client's.
pub(in crate::http) async fn presented(
    state: &AppState,
    request: &Request,
    slot: &LimitSlot,
    token: PlainToken,
) -> Result<session::refresh::Presented, Problem> {
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
    Ok(presented)
}

pub(in crate::http) struct SessionsApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl SessionsApi {
    /// List your sessions
    ///
    /// Lists your active sessions, newest first: one per login. `current` marks the session of this request.
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn sessions(
        &self,
        caller: Authenticated<by_user::Sessions>,
        request: &Request,
        /// The maximum number of sessions per page.
        #[oai(default = "default_sessions", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<Parameter<AgeCursor<SessionId>>>>,
    ) -> Answer<SessionListing, answers::Sessions> {
        let page = page_of_sessions(request, limit.0, cursor.0)?;
        let page = session::manage::list(&self.0.core, &caller.0, page).await?;
        let current = caller.0.session().map(|session| session.id);
        Ok(SessionListing::new(request, &page, current))
    }

    /// Revoke one of your sessions
    ///
    /// Logs one device out immediately. Revoking the session of this request is the same as logging out.
    #[oai(path = "/sessions/:session_id", method = "delete", operation_id = "revoke_session")]
    async fn revoke_session(
        &self,
        caller: Authenticated<by_user::RevokeSession>,
        client: Client,
        /// The `id` of the session.
        session_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::RevokeSession> {
        let session = SessionId::from_uuid(session_id.0);
        session::manage::revoke(&self.0.core, &caller.0, session, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Revoke your other sessions
    ///
    /// Logs all other devices out immediately. The session of this request stays.
    #[oai(path = "/sessions", method = "delete", operation_id = "revoke_other_sessions")]
    async fn revoke_other_sessions(
        &self,
        caller: Authenticated<by_user::RevokeSessions>,
        client: Client,
    ) -> Answer<NoContent, responses::Authenticated> {
        session::manage::revoke_others(&self.0.core, &caller.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}
