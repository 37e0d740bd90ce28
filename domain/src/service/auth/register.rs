//! Making an account.

use crate::Core;
use crate::model::{ClientInfo, Email, Password, User};
use crate::policy::tier::{self, TierRefused};
use crate::service::Failure;
use crate::service::new_user::{NewUser, NotCreated, create};

/// Somebody wants an account.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The tier, if a particular one is wanted.
    pub tier: Option<String>,
    /// Who asks.
    pub client: ClientInfo,
}

/// Why there is no account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user could not be made.
    NotCreated(NotCreated),
    /// The tier may not be had.
    Tier(TierRefused),
}

/// Makes the account and gives the new user.
pub async fn execute(core: &Core, command: Command) -> Result<User, Failure<Refusal>> {
    let tier = tier::at_registration(&core.settings.tiers, command.tier.as_deref())
        .map_err(|refused| Failure::Refused(Refusal::Tier(refused)))?;
    let new = NewUser {
        email: command.email,
        password: command.password,
        tier,
        is_superuser: false,
        self_registered: true,
        client: &command.client,
    };
    create(core, new).await.map_err(|failure| failure.map(Refusal::NotCreated))
}
