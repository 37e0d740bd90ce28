//! Making an account.

use super::new_user::{NewUser, create};
use super::tier_choice::{self, TierRefused};
use super::{NotCreated, User};
use crate::credential::Password;
use crate::kernel::{ClientInfo, Email};
use crate::{Core, Failure};

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
    let tier = tier_choice::at_registration(&core.settings.tiers, command.tier.as_deref())
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
