//! Opening a session with a password.

use crate::Core;
use crate::model::{
    AuditEventKind, ClientInfo, Email, Password, Session, SessionId, TokenDigest, TokenId, TokenPair, User,
    UserId,
};
use crate::policy::standing;
use crate::ports::{HasherError, Opening, OpeningOutcome, Requester, Standing, StoreError, Verification};
use crate::service::audit::Trail;
use crate::service::auth::issue::{access_token, refresh_expiry, refresh_token, whole_seconds};
use crate::service::{Failure, PortFailure};

/// Somebody wants to log in.
#[derive(Debug)]
pub struct Command {
    /// The login name.
    pub email: Email,
    /// The password.
    pub password: Password,
    /// Who asks.
    pub client: ClientInfo,
}

/// Why there is no session. There is one answer for an unknown address, a wrong password and an inactive account
/// (OWASP ASVS 5.0, 6.3.8); the reason, and whose account it is, are for the log alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nobody has the address.
    #[error("unknown address")]
    UnknownEmail,
    /// It is not the password.
    #[error("wrong password")]
    WrongPassword(UserId),
    /// The account is deactivated. Found only after the password was checked.
    #[error("deactivated account")]
    Inactive(UserId),
    /// The password was changed, or the account deactivated, while the old password was being checked.
    #[error("overtaken by a change")]
    Overtaken(UserId),
    /// No password can be checked against what is stored: it was made elsewhere, in a form or at a cost that is not accepted.
    #[error("unusable password hash: {1}")]
    UnusableHash(UserId, &'static str),
}

impl Refusal {
    /// Whose account it is.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::UnknownEmail => None,
            Self::WrongPassword(user)
            | Self::Inactive(user)
            | Self::Overtaken(user)
            | Self::UnusableHash(user, _) => Some(user),
        }
    }
}

/// Where a client stands that is about to try a password of somebody with this address.
pub async fn standing(core: &Core, email: &Email, client: &ClientInfo) -> Result<Standing, StoreError> {
    let mut view = core.store.read().await?;
    let addresses = view.sessions().recent_addresses(email, standing::REMEMBERED_SESSIONS).await?;
    Ok(standing::of(client, &addresses))
}

/// Checks the password and opens a session.
///
/// Every refusal costs the same: two reads and one check of a password, against a stand-in where there is no user.
pub async fn execute(core: &Core, command: Command) -> Result<TokenPair, Failure<Refusal>> {
    core.clock.signing_time()?;
    let (found, standing) = look_up(core, &command).await?;
    let requester = Requester::new(&command.client, standing);
    let verification = verify(core, command.password, found.as_ref(), requester).await?;
    let user = found.ok_or(Failure::Refused(Refusal::UnknownEmail))?;
    let Verification::Match { rehashed } = verification else {
        return Err(Failure::Refused(Refusal::WrongPassword(user.id)));
    };
    if !user.is_active {
        return Err(Failure::Refused(Refusal::Inactive(user.id)));
    }

    let (session, refresh) = new_session(core, &user, command.client)?;
    let trail = Trail { core, at: session.created_at, actor: Some(user.id), client: &session.client };
    let event = trail.event(AuditEventKind::LoggedIn, user.id, Some(session.id))?;

    // The store orders this login before or after any change of the password or the account: never in between.
    let opening = Opening {
        session,
        credential_version: user.credential_version,
        rehashed,
        event,
        max_sessions: core.settings.sessions_per_user,
    };
    let OpeningOutcome::Opened(current) = core.store.open_session(&opening).await? else {
        return Err(Failure::Refused(Refusal::Overtaken(user.id)));
    };

    let session = opening.session;
    let (access_token, expires_in) = access_token(core, &session, &current, session.created_at)?;
    Ok(TokenPair { access_token, refresh_token: refresh, expires_in })
}

/// A new hash is only for somebody who is let in: a renewal would tell a deactivated account by its time.
async fn verify(
    core: &Core,
    password: Password,
    found: Option<&User>,
    requester: Requester,
) -> Result<Verification, Failure<Refusal>> {
    let hash_of = |user: &User| user.hashed_password.clone();
    let verified =
        match found {
            Some(user) if !user.is_active => {
                let checked = core.hasher.check(password, hash_of(user), requester).await;
                checked.map(|is_it| {
                    if is_it { Verification::Match { rehashed: None } } else { Verification::Mismatch }
                })
            }
            found => core.hasher.verify(password, found.map(hash_of), requester).await,
        };
    match (verified, found) {
        (Err(HasherError::Unusable(why)), Some(user)) => {
            Err(Failure::Refused(Refusal::UnusableHash(user.id, why)))
        }
        (verified, _) => Ok(verified?),
    }
}

async fn look_up(core: &Core, command: &Command) -> Result<(Option<User>, Standing), StoreError> {
    let mut view = core.store.read().await?;
    let found = view.users().by_login(&command.email).await?;
    let email = found.as_ref().map_or(&command.email, |user| &user.email);
    let addresses = view.sessions().recent_addresses(email, standing::REMEMBERED_SESSIONS).await?;
    Ok((found, standing::of(&command.client, &addresses)))
}

fn new_session(
    core: &Core,
    user: &User,
    client: ClientInfo,
) -> Result<(Session, crate::model::PlainToken), PortFailure> {
    let now = core.clock.signing_time()?;
    let max_expires_at = whole_seconds(now) + core.settings.session_max_lifetime;
    let mut session = Session {
        id: SessionId::generate(now, core.entropy.as_ref())?,
        user_id: user.id,
        generation: 0,
        rekeyed_generation: 0,
        refresh_jti: TokenId::for_refresh(0, core.entropy.as_ref())?,
        hashed_refresh_token: TokenDigest::from_bytes([0; 32]),
        previous_hashed_refresh_token: None,
        rotated_at: now,
        created_at: now,
        authenticated_at: now,
        last_used_at: now,
        expires_at: refresh_expiry(core, now).min(max_expires_at),
        max_expires_at,
        revoked: None,
        last_client: client.clone(),
        client,
        epoch: user.sessions_epoch,
    };
    let issued = refresh_token(core, &session)?;
    session.hashed_refresh_token = issued.digest;
    Ok((session, issued.token))
}
