use std::sync::Arc;

use inwren_domain::account;
use inwren_domain::credential::Password;
use inwren_domain::kernel::Email;
use poem_openapi::OpenApi;
use zeroize::Zeroizing;

use super::answers;
use super::dto::{RegisterRequest, UpdateCurrentUserRequest, UserDto};
use crate::config::{by_client, by_user};
use crate::http::shared::authentication::bearer::Authenticated;
use crate::http::shared::body::JsonBody;
use crate::http::shared::client::Client;
use crate::http::shared::limited::Limited;
use crate::http::shared::responses::{self, Answer, Created, Json, NoContent};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct AccountApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/users/me", tag = "ApiTags::CurrentUser")]
impl AccountApi {
    /// Get your profile
    ///
    /// Returns the current data of the caller. The claims of the access token may be older.
    #[oai(path = "/", method = "get", operation_id = "get_current_user")]
    async fn get(
        &self,
        caller: Authenticated<by_user::Me>,
    ) -> Answer<Json<UserDto>, responses::Authenticated> {
        Ok(Json(UserDto::from(caller.0.user())))
    }

    /// Update your profile
    ///
    /// Omitted fields keep their values. A new e-mail address requires a recent login; otherwise the response is 401
    /// with `insufficient_user_authentication` (RFC 9470).
    #[oai(path = "/", method = "put", operation_id = "update_current_user")]
    async fn update(
        &self,
        caller: Authenticated<by_user::UpdateMe>,
        client: Client,
        body: JsonBody<UpdateCurrentUserRequest>,
    ) -> Answer<Json<UserDto>, answers::Update> {
        let UpdateCurrentUserRequest { email, tier } = body.0;
        let email = email.map(|text| Email::parse(&text)).transpose()?;
        let command = account::update::Command { email, tier };
        let user = account::update::execute(&self.0.core, &caller.0, command, &client.0).await?;
        Ok(Json(UserDto::from(&user)))
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

pub(in crate::http) struct RegistrationApi(pub(in crate::http) Arc<AppState>);

#[OpenApi(prefix_path = "/auth", tag = "ApiTags::Authentication")]
impl RegistrationApi {
    /// Register an account
    ///
    /// Creates an account with an e-mail address and a password. The user can log in immediately.
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
}
