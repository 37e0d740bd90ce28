//! Creates a user, possibly a superuser.

use super::new_user::{NewLogin, NewUser, create};
use super::{NotCreated, User, UserFilter};
use crate::credential::Password;
use crate::kernel::{ClientInfo, Email, PageRequest, StoreError};
use crate::{Core, Failure};

/// The user to create.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
}

/// Creates the user, with the default tier of registration.
pub async fn execute(core: &Core, command: Command) -> Result<User, Failure<NotCreated>> {
    let new = NewUser {
        login: NewLogin::check(core, command.email, command.password).map_err(Failure::Refused)?,
        tier: core.settings.tiers.default_tier().clone(),
        is_superuser: command.is_superuser,
        self_registered: false,
        client: &ClientInfo::default(),
        locale: None,
        verifies: false,
    };
    create(core, new).await
}

/// The outcome of the request for a first superuser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FirstSuperuser {
    /// The user was created.
    Created,
    /// An active superuser has the address already.
    Exists,
    /// The address belongs to a user who is not an active superuser, and who stays unchanged.
    AddressTaken {
        /// Whether that user may log in. A deactivated account may have been the first superuser.
        is_active: bool,
        /// Whether an active superuser exists under another address.
        has_superuser: bool,
    },
}

/// Creates the first superuser, unless a user has the address already. In that case nothing changes, so the request can
/// stay in the configuration.
pub async fn ensure_first_superuser(
    core: &Core,
    email: Email,
    password: Password,
) -> Result<FirstSuperuser, Failure<NotCreated>> {
    if let Some(found) = holder(core, &email).await? {
        return Ok(found);
    }
    match execute(core, Command { email: email.clone(), password, is_superuser: true }).await {
        Ok(_) => Ok(FirstSuperuser::Created),
        // Another instance that started at the same moment, or a registration, was first.
        Err(Failure::Refused(NotCreated::EmailTaken)) => {
            Ok(holder(core, &email).await?.unwrap_or(FirstSuperuser::Exists))
        }
        Err(failure) => Err(failure),
    }
}

/// Classifies the user who has the address. `None` if there is no such user.
async fn holder(core: &Core, email: &Email) -> Result<Option<FirstSuperuser>, StoreError> {
    let mut view = core.store.read().await?;
    let Some(user) = view.users().by_login(email).await? else { return Ok(None) };
    if user.is_active && user.is_superuser {
        return Ok(Some(FirstSuperuser::Exists));
    }
    let mut superusers = UserFilter::default();
    superusers.is_active = Some(true);
    superusers.is_superuser = Some(true);
    let page = view.users().page(&superusers, PageRequest::new(1, None)).await?;
    let has_superuser = !page.items.is_empty();
    Ok(Some(FirstSuperuser::AddressTaken { is_active: user.is_active, has_superuser }))
}
