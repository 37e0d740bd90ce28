//! Registers an account.

use super::new_user::{NewUser, create};
use super::tier_choice::{self, TierRefused};
use super::{NotCreated, User};
use crate::credential::Password;
use crate::kernel::{ClientInfo, Email};
use crate::{Core, Failure};

/// A registration request.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The tier, if the client requests one.
    pub tier: Option<String>,
    /// The client that sent the request.
    pub client: ClientInfo,
}

/// Why no account was created.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The user could not be created.
    NotCreated(NotCreated),
    /// The tier is not available.
    Tier(TierRefused),
}

/// Creates the account and returns the new user.
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
