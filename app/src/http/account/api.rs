use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::account::{self, EmailVerification};
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use poem_openapi::{ApiResponse, OpenApi};
use zeroize::Zeroizing;

use super::answers;
use super::dto::{
    PendingEmailChangeDto, PendingRegistrationDto, RegisterRequest, UpdateCurrentUserRequest, UserDto,
};
use crate::config::{by_client, by_user};
use crate::http::shared::authentication::bearer::{Authenticated, Enrolling};
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::limits::LimitSlot;
use crate::http::shared::locale::Language;
use crate::http::shared::responses::{self, Answer, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct AccountApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl AccountApi {
    /// Get your profile
    ///
    /// Returns the current data of the caller. The claims of the access token may be older.
    #[oai(path = "/", method = "get", operation_id = "get_current_user")]
    async fn get(&self, caller: Enrolling<by_user::Me>) -> Answer<Json<UserDto>, responses::Enrolling> {
        Ok(Json(UserDto::from(caller.0.0.user())))
    }

    /// Update your profile
    ///
    /// Omitted fields keep their values. A new e-mail address requires a recent login; otherwise the response is 401
    /// with `insufficient_user_authentication` (RFC 9470). Where addresses are verified, the response to a new address
    /// is 202: the login keeps the old one until the link in the letter to the new one is used. Where mail is
    /// configured, a letter to the old address has a link that restores it for 72 hours.
    #[oai(path = "/", method = "put", operation_id = "update_current_user")]
    async fn update(
        &self,
        caller: Authenticated<by_user::UpdateMe>,
        client: Client,
        body: JsonBody<UpdateCurrentUserRequest>,
    ) -> Answer<Update, answers::Update> {
        let UpdateCurrentUserRequest { email, tier } = body.0;
        let email = email.map(|text| Email::parse(&text)).transpose()?;
        let command = account::update::Command { email, tier };
        let changed = account::update::execute(&self.0.core, &caller.0, command, &client.0).await?;
        Ok(match changed {
            account::update::Changed::Now(user) => Update::Changed(Json(UserDto::from(&user))),
            account::update::Changed::Pending { pending_email, .. } => {
                let pending_email = pending_email.as_str().to_owned();
                Update::Pending(Json(PendingEmailChangeDto { pending_email }))
            }
        })
    }

    /// Delete your account
    ///
    /// Deactivates the account and revokes all its sessions. Requires a recent login. A superuser can reactivate the
    /// account.
    #[oai(path = "/", method = "delete", operation_id = "delete_current_user")]
    async fn delete(
        &self,
        caller: Authenticated<by_user::DeleteMe>,
        client: Client,
    ) -> Answer<NoContent, answers::Delete> {
        account::deactivate::execute(&self.0.core, &caller.0, &client.0).await?;
        Ok(NoContent::NoContent)
    }
}

/// The result of a registration.
#[derive(ApiResponse)]
enum Registration {
    /// The account is created.
    #[oai(status = 201)]
    Created(
        Json<UserDto>,
        /// The path of the new resource.
        #[oai(header = "Location")]
        String,
    ),
    /// The account is created when the mailbox is proven.
    #[oai(status = 202)]
    Pending(Json<PendingRegistrationDto>),
}

/// The result of a change.
#[derive(ApiResponse)]
enum Update {
    /// The request succeeded.
    #[oai(status = 200)]
    Changed(Json<UserDto>),
    /// The new address has to confirm the change.
    #[oai(status = 202)]
    Pending(Json<PendingEmailChangeDto>),
}

pub(in crate::http) struct RegistrationApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl RegistrationApi {
    /// Register an account
    ///
    /// Creates an account with an e-mail address and a password. The user can log in immediately. Where addresses must
    /// be verified, the response is 202, whether the address is taken or not: the account exists once the code or the
    /// link in the letter is used.
    #[oai(path = "/register", method = "post", operation_id = "register")]
    async fn register(
        &self,
        _limit: Limited<by_client::Register>,
        slot: LimitSlot,
        client: Client,
        language: Language,
        body: JsonBody<RegisterRequest>,
    ) -> Answer<Registration, answers::Register> {
        let RegisterRequest { email, password, tier } = body.0;
        let password = Zeroizing::new(password);
        let email = Email::parse(&email)?;
        let command = account::register::Command {
            email,
            password: Password::new(&password),
            tier,
            locale: language.0,
            client: client.0,
        };
        let registered = self.register_within_limits(&slot, command).await;
        self.0.metrics.outcomes.registrations.count((&registered).into());
        Ok(match registered? {
            account::register::Registered::User(user) => {
                Registration::Created(Json(UserDto::from(&user)), self.0.issuer.at("/users/me"))
            }
            account::register::Registered::Pending { id, expires_in } => {
                let (verification_id, expires_in) = (id.as_uuid(), expires_in.whole_seconds());
                Registration::Pending(Json(PendingRegistrationDto { verification_id, expires_in }))
            }
        })
    }
}

impl RegistrationApi {
    /// Registers. Only a request that may lead to a letter is charged to the limits of letters, so that the letter
    /// follows once a user has corrected a refused request.
    pub(in crate::http) async fn register_within_limits(
        &self,
        slot: &LimitSlot,
        command: account::register::Command,
    ) -> Result<account::register::Registered, Failure<account::register::Refusal>> {
        let core = &self.0.core;
        let request = account::register::check(core, command).map_err(Failure::Refused)?;
        let sends = core.settings.email_verification != EmailVerification::Off;
        let letter_allowed = sends && self.0.limits.letter_allowed(slot, request.email()).await;
        account::register::execute(core, request, letter_allowed).await
    }
}
