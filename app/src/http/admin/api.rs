use std::sync::Arc;

use inwren_domain::account::{Tier, UserFilter, admin};
use inwren_domain::action_token::Purpose;
use inwren_domain::kernel::{AgeCursor, Email, PageRequest, PlainToken, SessionId, UserCursor, UserId};
use inwren_domain::session;
use poem::Request;
use poem_openapi::param::{Path, Query};
use poem_openapi::{ApiResponse, OpenApi};
use uuid::Uuid;

use super::answers;
use super::dto::{
    AdminUpdateUserRequest, AdminUserDto, AdminUserPage, InvitationDto, InviteUserRequest, InvitedUserDto,
    ResetLinkDto, ResetUserFactorsRequest, reason_of,
};
use crate::config::by_user;
use crate::http::session::{SessionListing, default_sessions, page_of_sessions};
use crate::http::shared::authentication::bearer::Administrator;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::locale::Language;
use crate::http::shared::paging::{next_link, refuse_repeated_parameters};
use crate::http::shared::parameter::Parameter;
use crate::http::shared::problem::Problem;
use crate::http::shared::responses::{Answer, Created, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;
use crate::letters::links::link;

pub(in crate::http) struct AdminApi(pub(in crate::http) Arc<AppState>);

/// Status 200 with a page and a link to the next one.
#[derive(ApiResponse)]
enum Listing {
    /// A page of users.
    #[oai(status = 200)]
    Page(
        Json<AdminUserPage>,
        /// The link to the next page, with `rel="next"` (RFC 8288), relative to the request. Absent on the last page.
        #[oai(header = "Link")]
        Option<String>,
    ),
}

#[OpenApi(prefix_path = "/admin/users", tag = "ApiTags::Administration")]
impl AdminApi {
    /// List users
    ///
    /// Lists the newest users first, or with `email` in the byte order of their normalised addresses. A client that
    /// follows `next_cursor` gets every user exactly once, even if users are created and deleted meanwhile.
    #[oai(path = "/", method = "get", operation_id = "list_users")]
    #[allow(clippy::too_many_arguments, reason = "one for each query parameter")]
    async fn list(
        &self,
        admin: Administrator<by_user::Admin>,
        request: &Request,
        /// The maximum number of users per page.
        #[oai(default = "default_limit", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page. Repeat the other parameters unchanged.
        cursor: Query<Option<Parameter<UserCursor>>>,
        /// Only users whose address has this prefix, in any case. Domains are compared in their ASCII form (UTS 46),
        /// label by label. Both forms of a complete address match. A label with characters beyond ASCII must be
        /// complete.
        #[oai(validator(max_length = 254))]
        email: Query<Option<String>>,
        /// Only users of this tier.
        tier: Query<Option<Parameter<Tier>>>,
        /// Only active, or only inactive users.
        is_active: Query<Option<bool>>,
        /// Only superusers, or only other users.
        is_superuser: Query<Option<bool>>,
    ) -> Answer<Listing, answers::List> {
        refuse_repeated_parameters(request)?;
        let mut filter = UserFilter::default().with_email_prefix(&email.0.unwrap_or_default());
        filter.tier = tier.0.map(|tier| tier.0);
        filter.is_active = is_active.0;
        filter.is_superuser = is_superuser.0;
        let after = cursor.0.map(|cursor| cursor.0);
        let page =
            admin::list::page(&self.0.core, admin.0, &filter, PageRequest::new(limit.0, after)).await?;
        let page = AdminUserPage::from(page);
        let link = page.next_cursor.as_ref().map(|next| next_link(request, next));
        Ok(Listing::Page(Json(page), link))
    }

    /// Invite a user
    ///
    /// Creates the account without a password. A letter, or the link in the response where no mail is configured, lets
    /// the user choose one within 7 days. Inviting a superuser requires a recent login.
    #[oai(path = "/", method = "post", operation_id = "invite_user")]
    async fn invite(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        language: Language,
        body: JsonBody<InviteUserRequest>,
    ) -> Answer<Created<InvitedUserDto>, answers::Invite> {
        let InviteUserRequest { email, tier, is_superuser } = body.0;
        let command = admin::invite::Command {
            email: Email::parse(&email)?,
            tier,
            is_superuser: is_superuser.unwrap_or(false),
            // Nothing is known of the user yet. Most administrators invite people who read their language.
            locale: language.0,
        };
        let invited = admin::invite::execute(&self.0.core, admin.0, command, &client.0).await?;
        let link = invited.token.map(|token| self.link(Purpose::AcceptInvitation, &token));
        let location = self.0.issuer.at(&format!("/admin/users/{}", invited.user.id));
        let invitation = InvitationDto { expires_at: invited.expires_at, link };
        let invited = InvitedUserDto { user: AdminUserDto::from(&invited.user), invitation };
        Ok(Created::Created(Json(invited), location))
    }

    /// Send a password reset
    ///
    /// Sends the user a letter with a link that sets a new password within 30 minutes. Where no mail is configured, the
    /// response contains the link. Requires a recent login. The password and the sessions stay until the link is used.
    #[oai(path = "/:user_id/password-reset", method = "post", operation_id = "send_password_reset")]
    async fn reset_password(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the user.
        user_id: Path<Uuid>,
    ) -> Answer<PasswordReset, answers::ResetPassword> {
        let id = UserId::from_uuid(user_id.0);
        let delivery = admin::reset_password::Delivery::Letter;
        let reset = admin::reset_password::execute(&self.0.core, admin.0, id, delivery, &client.0).await?;
        Ok(match reset.token {
            Some(token) => {
                let link = self.link(Purpose::ResetPassword, &token);
                PasswordReset::Link(Json(ResetLinkDto { link, expires_at: reset.expires_at }))
            }
            None => PasswordReset::Sent,
        })
    }

    /// Get a user
    ///
    /// Returns the user with this id, active or not.
    #[oai(path = "/:user_id", method = "get", operation_id = "get_user")]
    async fn get(
        &self,
        admin: Administrator<by_user::Admin>,
        /// The `id` of the user.
        user_id: Path<Uuid>,
    ) -> Answer<Json<AdminUserDto>, answers::One> {
        let id = UserId::from_uuid(user_id.0);
        let user = admin::list::get(&self.0.core, admin.0, id).await?;
        Ok(Json(AdminUserDto::from(&user)))
    }

    /// Update a user
    ///
    /// Omitted fields keep their values. Deactivating or demoting a user revokes all sessions of that user immediately.
    /// The last active superuser can be neither deactivated nor demoted. Changing your own address, deactivating your
    /// own account and promoting a user to superuser require a recent login.
    #[oai(path = "/:user_id", method = "put", operation_id = "update_user")]
    async fn update(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the user.
        user_id: Path<Uuid>,
        body: JsonBody<AdminUpdateUserRequest>,
    ) -> Answer<Json<AdminUserDto>, answers::Update> {
        let AdminUpdateUserRequest { email, tier, is_active, is_superuser } = body.0;
        let email = email.map(|text| Email::parse(&text)).transpose()?;
        let command = admin::update::Command { email, tier, is_active, is_superuser };
        let id = UserId::from_uuid(user_id.0);
        let user = admin::update::execute(&self.0.core, admin.0, id, command, &client.0).await?;
        Ok(Json(AdminUserDto::from(&user)))
    }

    /// Delete a user
    ///
    /// Deletes the user and the user's sessions permanently. Audit events about the user are kept. Deleting your own
    /// account requires a recent login.
    #[oai(path = "/:user_id", method = "delete", operation_id = "delete_user")]
    async fn delete(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the user.
        user_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::Delete> {
        let id = UserId::from_uuid(user_id.0);
        admin::delete::execute(&self.0.core, admin.0, id, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// Reset a user's second factors
    ///
    /// Removes all second factors and recovery codes of a user who has lost them, revokes all sessions and trusted
    /// devices, and sends a letter. Requires a recent login with your own second factor. The reason is kept in the
    /// audit trail.
    #[oai(path = "/:user_id/factors", method = "delete", operation_id = "reset_user_factors")]
    async fn reset_factors(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the user.
        user_id: Path<Uuid>,
        body: JsonBody<ResetUserFactorsRequest>,
    ) -> Answer<NoContent, answers::ResetFactors> {
        let reason = reason_of(&body.0.reason).map_err(|problem| Problem::invalid("/reason", problem))?;
        let id = UserId::from_uuid(user_id.0);
        admin::reset_factors::execute(&self.0.core, admin.0, id, reason, &client.0).await?;
        Ok(NoContent::NoContent)
    }

    /// List a user's sessions
    ///
    /// Lists the active sessions of the user, newest first: one per login.
    #[oai(path = "/:user_id/sessions", method = "get", operation_id = "list_user_sessions")]
    async fn sessions(
        &self,
        admin: Administrator<by_user::Admin>,
        request: &Request,
        /// The `id` of the user.
        user_id: Path<Uuid>,
        /// The maximum number of sessions per page.
        #[oai(default = "default_sessions", validator(minimum(value = "1"), maximum(value = "200")))]
        limit: Query<u16>,
        /// `next_cursor` of the previous page.
        cursor: Query<Option<Parameter<AgeCursor<SessionId>>>>,
    ) -> Answer<SessionListing, answers::One> {
        let page = page_of_sessions(request, limit.0, cursor.0)?;
        let id = UserId::from_uuid(user_id.0);
        let page = session::admin::list(&self.0.core, admin.0, id, page).await?;
        Ok(SessionListing::new(request, &page, admin.0.session_id()))
    }

    /// Revoke a user's sessions
    ///
    /// Revokes all sessions of the user immediately. The user can log in again.
    #[oai(path = "/:user_id/sessions", method = "delete", operation_id = "revoke_user_sessions")]
    async fn revoke_sessions(
        &self,
        admin: Administrator<by_user::Admin>,
        client: Client,
        /// The `id` of the user.
        user_id: Path<Uuid>,
    ) -> Answer<NoContent, answers::One> {
        let id = UserId::from_uuid(user_id.0);
        session::admin::revoke_all(&self.0.core, admin.0, id, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}

impl AdminApi {
    fn link(&self, purpose: Purpose, token: &PlainToken) -> String {
        link(self.0.issuer.public_url(), purpose, token)
    }
}

/// The result of a request for a password reset.
#[derive(ApiResponse)]
enum PasswordReset {
    /// The link to hand over: no mail is configured.
    #[oai(status = 200)]
    Link(Json<ResetLinkDto>),
    /// A letter is on its way.
    #[oai(status = 202)]
    Sent,
}

fn default_limit() -> u16 {
    PageRequest::DEFAULT_LIMIT
}
