//! Making a user, possibly a superuser.

use crate::Core;
use crate::model::{ClientInfo, Email, Password, User};
use crate::service::Failure;
use crate::service::new_user::{NewUser, NotCreated, create};

/// The user to make.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Whether they may administer the others.
    pub is_superuser: bool,
}

/// Makes the user, with the tier of somebody who registers.
pub async fn execute(core: &Core, command: Command) -> Result<User, Failure<NotCreated>> {
    let new = NewUser {
        email: command.email,
        password: command.password,
        tier: core.settings.tiers.default_tier().clone(),
        is_superuser: command.is_superuser,
        self_registered: false,
        client: &ClientInfo::default(),
    };
    create(core, new).await
}

/// Makes the first superuser, unless somebody has the address already: then nothing is changed, so that the request
/// can stand in a configuration for good. `true` if one was made.
pub async fn ensure_first_superuser(
    core: &Core,
    email: Email,
    password: Password,
) -> Result<bool, Failure<NotCreated>> {
    if core.store.read().await?.users().by_login(&email).await?.is_some() {
        return Ok(false);
    }
    match execute(core, Command { email, password, is_superuser: true }).await {
        Ok(_) => Ok(true),
        // Another instance, started at the same moment, was first.
        Err(Failure::Refused(NotCreated::EmailTaken)) => Ok(false),
        Err(failure) => Err(failure),
    }
}
