//! Login with a password.

use super::{Attempt, NeedsFactor, client_trust};
use crate::credential::{ClientTrust, Password};
use crate::kernel::{ClientInfo, Email, PlainToken, StoreError, UserId};
use crate::session::{SessionKind, Started, start};
use crate::{Core, Failure, authn};

/// A login request.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// The token of a trusted device, which may leave out the second factor.
    pub device_token: Option<PlainToken>,
    /// Whether a browser gets the session, for the pages of this service.
    pub in_browser: bool,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// Why no session was started. The client receives the same response for all reasons (OWASP ASVS 5.0, 6.3.8).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The attempt failed.
    #[error(transparent)]
    Attempt(authn::Refusal),
    /// The password is correct, but the account has a second factor. [`second_step::begin`](super::second_step::begin)
    /// asks for it.
    #[error("second factor needed")]
    NeedsFactor(Box<NeedsFactor>),
    /// The password was changed, or the account deactivated, while the old password was being verified.
    #[error("credential changed meanwhile")]
    ChangedMeanwhile(UserId),
}

impl Refusal {
    /// The user that the refusal is about.
    pub fn user(&self) -> Option<UserId> {
        match self {
            Self::Attempt(refusal) => refusal.user(),
            Self::NeedsFactor(needed) => Some(needed.user()),
            Self::ChangedMeanwhile(user) => Some(*user),
        }
    }
}

/// Returns the trust in a client that is about to try a password for this address.
pub async fn trust(core: &Core, email: &Email, client: &ClientInfo) -> Result<ClientTrust, StoreError> {
    let mut view = core.store.read().await?;
    let addresses = view.sessions().recent_addresses(email, client_trust::REMEMBERED_SESSIONS).await?;
    Ok(client_trust::of(client, &addresses))
}

/// Verifies the password and starts a session.
pub async fn execute(core: &Core, command: Command) -> Result<Started, Failure<Refusal>> {
    core.clock.signing_time()?;
    let attempt = Attempt::start(core, &command.email, &command.client).await?;
    let attempt = attempt.password(core, command.password).await.map_err(|f| f.map(Refusal::Attempt))?;
    let attempt = match &command.device_token {
        Some(token) => attempt.device(core, token).await?,
        None => attempt,
    };
    let proven = attempt.conclude().map_err(|needed| {
        let unproven = Refusal::Attempt(authn::Refusal::UnknownEmail);
        Failure::Refused(needed.map_or(unproven, Refusal::NeedsFactor))
    })?;
    let user = proven.user().id;
    let kind = SessionKind::of_login(command.in_browser);
    let started = start::execute(core, proven, kind, command.client).await;
    started.map_err(|failure| failure.map(|start::ChangedMeanwhile| Refusal::ChangedMeanwhile(user)))
}
