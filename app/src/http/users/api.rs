use std::sync::Arc;

use inwren_domain::credential::{self, Password};
use inwren_domain::kernel::{AgeCursor, Email, SessionId};
use inwren_domain::{account, session};
use poem::Request;
use poem_openapi::OpenApi;
use poem_openapi::param::{Path, Query};
use uuid::Uuid;
use zeroize::Zeroizing;

use super::answers;
use super::dto::{ChangePasswordRequest, UpdateUserRequest, UserDto};
use crate::config::by_client;
use crate::http::auth::{TokenDto, check_account};
use crate::http::auth_scheme::Authenticated;
use crate::http::body::JsonBody;
use crate::http::client::Client;
use crate::http::limited::Limited;
use crate::http::limits::LimitSlot;
use crate::http::paging::{SessionListing, default_sessions, page_of_sessions};
use crate::http::parameter::Parameter;
use crate::http::responses::{self, Answer, Json, NoContent};
use crate::http::state::AppState;
use crate::http::tags::ApiTags;

pub(in crate::http) struct UsersApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl UsersApi {
    /// The own profile
    ///
    /// Who the caller is, as the service has it now; what the access token says may be older.
    #[oai(path = "/", method = "get", operation_id = "get_current_user")]
    async fn get(
        &self,
        _limit: Limited<by_client::Me>,
        caller: Authenticated,
    ) -> Answer<Json<UserDto>, responses::Authenticated> {
        Ok(Json(UserDto::from(caller.0.user())))
    }

    /// Change the own profile
    ///
    /// A new e-mail address needs a recent login: else 401 with `insufficient_user_authentication` (RFC 9470).
    #[oai(path = "/", method = "put", operation_id = "update_current_user")]
    async fn update(
        &self,
        _limit: Limited<by_client::UpdateMe>,
        caller: Authenticated,
        client: Client,
        body: JsonBody<UpdateUserRequest>,
    ) -> Answer<Json<UserDto>, answers::Update> {
        let UpdateUserRequest { email, tier } = body.0;
        let email = email.map(|text| Email::parse(&text)).transpose()?;
        let command = account::update::Command { email, tier };
        let user = account::update::execute(&self.0.core, &caller.0, command, &client.0).await?;
        Ok(Json(UserDto::from(&user)))
    }

    /// Change the own password
    ///
    /// Ends every other session, and gives this one a new pair of tokens. Needs a recent login and the current password.
    #[oai(path = "/password", method = "post", operation_id = "change_password")]
    async fn change_password(
        &self,
        _limit: Limited<by_client::ChangePassword>,
        slot: LimitSlot,
        caller: Authenticated,
        client: Client,
        body: JsonBody<ChangePasswordRequest>,
    ) -> Answer<Json<TokenDto>, answers::ChangePassword> {
        let current = Zeroizing::new(body.0.current_password);
        let new = Zeroizing::new(body.0.new_password);
        let command = credential::change_password::Command {
            current_password: Password::new(&current),
            new_password: Password::new(&new),
        };
        check_account(&self.0, &slot, &caller.0.user().email, &client.0).await?;
        let pair = credential::change_password::execute(&self.0.core, &caller.0, command, &client.0).await?;
        Ok(Json(pair.into()))
    }

    /// Close the own account
    ///
    /// Deactivates the account and ends all its sessions. Needs a recent login. An operator can activate it again.
    #[oai(path = "/", method = "delete", operation_id = "delete_current_user")]
    async fn delete(
        &self,
        _limit: Limited<by_client::DeleteMe>,
        caller: Authenticated,
        client: Client,
    ) -> Answer<NoContent, answers::Delete> {
        account::deactivate::execute(&self.0.core, &caller.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// The own sessions
    ///
    /// Every device that is logged in, newest first; `current` is the one that asks.
    #[oai(path = "/sessions", method = "get", operation_id = "list_sessions")]
    async fn sessions(
        &self,
        _limit: Limited<by_client::Sessions>,
        caller: Authenticated,
        request: &Request,
        /// The most sessions on the page.
        #[oai(default = "default_sessions", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the page before.
        cursor: Query<Option<Parameter<AgeCursor<SessionId>>>>,
    ) -> Answer<SessionListing, answers::Sessions> {
        let page = page_of_sessions(request, limit.0, cursor.0)?;
        let page = session::manage::list(&self.0.core, &caller.0, page).await?;
        let current = caller.0.session().map(|session| session.id);
        Ok(SessionListing::new(request, &page, current))
    }

    /// End one of the own sessions
    ///
    /// Logs one device out, at once. To end the own session is to log out.
    #[oai(path = "/sessions/:session_id", method = "delete", operation_id = "revoke_session")]
    async fn revoke_session(
        &self,
        _limit: Limited<by_client::RevokeSession>,
        caller: Authenticated,
        client: Client,
        /// The `id` of the session.
        session_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::RevokeSession> {
        let session = SessionId::from_uuid(session_id.0);
        session::manage::revoke(&self.0.core, &caller.0, session, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// End all other sessions
    ///
    /// Logs every other device out, at once.
    #[oai(path = "/sessions", method = "delete", operation_id = "revoke_other_sessions")]
    async fn revoke_other_sessions(
        &self,
        _limit: Limited<by_client::RevokeSessions>,
        caller: Authenticated,
        client: Client,
    ) -> Answer<NoContent, responses::Authenticated> {
        session::manage::revoke_others(&self.0.core, &caller.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}
