//! The second step of a login.

use super::second_factor::{self, Verified, budget};
use super::{Answer, Evidence, Proven};
use crate::account::User;
use crate::audit::Trail;
use crate::challenge::{self, Challenge, ChallengeId, ChallengePurpose};
use crate::kernel::{ClientInfo, PlainToken, UserId, random_secret};
use crate::session::start::{self, Prepared};
use crate::session::{SessionKind, Started};
use crate::trusted_device::{TrustedDevice, TrustedDeviceId};
use crate::{Core, Failure, PortFailure};

/// The answer of the second step.
#[derive(Debug)]
pub struct Command {
    /// The challenge of the first step.
    pub challenge: PlainToken,
    /// The answer.
    pub answer: Answer,
    /// Whether the device may leave out the second step for a while. Ignored if trusted devices are disabled.
    pub remember_device: bool,
    /// Whether a browser gets the session, for the pages of this service.
    pub in_browser: bool,
    /// Where the request came from.
    pub client: ClientInfo,
}

/// Why no session was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The challenge is unknown, used, expired or void, or has no attempt left: the login starts again.
    #[error("challenge over")]
    ChallengeOver,
    /// The code or the passkey is wrong.
    #[error("wrong factor")]
    Wrong {
        /// The user.
        user: UserId,
        /// How many attempts are left.
        attempts_left: i16,
    },
    /// The method is closed after too many wrong codes. The code was not verified.
    #[error("method closed")]
    Closed {
        /// The user.
        user: UserId,
        /// How many attempts with other methods are left.
        attempts_left: i16,
    },
}

impl Refusal {
    /// The user that the refusal is about.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::ChallengeOver => None,
            Self::Wrong { user, .. } | Self::Closed { user, .. } => Some(user),
        }
    }
}

/// The session of a login, and the token of the device if it is trusted from now on.
#[derive(Debug)]
pub struct LoggedIn {
    /// The session.
    pub started: Started,
    /// The token that lets the second step be left out.
    pub device_token: Option<PlainToken>,
}

/// Verifies the second factor and starts a session. The attempt is counted, and that committed, before the factor is
/// verified: parallel guesses never beat the limits.
pub async fn execute(core: &Core, command: Command) -> Result<LoggedIn, Failure<Refusal>> {
    let now = core.clock.signing_time()?;
    let over = || Failure::Refused(Refusal::ChallengeOver);
    let (challenge, user) = find(core, &command.challenge).await?.ok_or_else(over)?;
    let trail = Trail { core, at: now, actor: Some(user.id), client: &command.client };
    let taken_from = budget(&command.answer);
    let mut unit = core.store.begin().await?;
    let Some(attempts_left) = unit.challenges().take_attempt(challenge.id, now).await? else {
        unit.rollback().await?;
        return Err(over());
    };
    let taken = match taken_from {
        Some(budget) => unit.factors().take_code(user.id, budget, now).await?,
        None => None,
    };
    unit.commit().await?;
    if taken_from.is_some() && taken.is_none() {
        return Err(Failure::Refused(Refusal::Closed { user: user.id, attempts_left }));
    }
    let answer = (&command.answer, taken_from);
    let shown = second_factor::verify(core, &user, answer, Some(&command.challenge), &trail).await?;
    let outcome = match shown {
        Some(shown) => open(core, challenge.id, &user, &shown, &command, &trail).await?,
        None => Outcome::Wrong,
    };
    match outcome {
        Outcome::LoggedIn(logged_in) => Ok(*logged_in),
        Outcome::Over => Err(over()),
        Outcome::Wrong => {
            second_factor::note_closed(core, &user, taken, &trail).await?;
            Err(Failure::Refused(Refusal::Wrong { user: user.id, attempts_left }))
        }
    }
}

/// The outcome of an answer whose attempt was counted.
enum Outcome {
    LoggedIn(Box<LoggedIn>),
    /// The challenge was spent, or became void, meanwhile.
    Over,
    /// The factor is wrong, or another request has spent it.
    Wrong,
}

/// Finds the valid challenge, and the active user who must answer it.
async fn find(core: &Core, token: &PlainToken) -> Result<Option<(Challenge, User)>, PortFailure> {
    let found = challenge::find(core, token, ChallengePurpose::Login, core.clock.now()).await?;
    let Some(challenge) = found else { return Ok(None) };
    let Some(id) = challenge.user_id else { return Ok(None) };
    let user = core.store.read().await?.users().by_id(id).await?;
    let current = user.filter(|user| user.is_active && challenge.is_for(user, None));
    Ok(current.map(|user| (challenge, user)))
}

/// Spends the challenge and the factor, and starts the session: all or nothing.
async fn open(
    core: &Core,
    challenge: ChallengeId,
    user: &User,
    shown: &Verified,
    command: &Command,
    trail: &Trail<'_>,
) -> Result<Outcome, PortFailure> {
    let Some(proven) = Proven::by(user, &[Evidence::Password, shown.evidence]) else {
        return Ok(Outcome::Over);
    };
    let kind = SessionKind::of_login(command.in_browser);
    let prepared: Prepared = start::prepare(core, proven, kind, command.client.clone()).await?;
    let device = new_device(core, user, command, trail)?;
    let mut unit = core.store.begin().await?;
    let locked = unit.users().lock(user.id).await?;
    let is_current = locked.is_some_and(|locked| locked.credential_version == user.credential_version);
    if !is_current || !unit.challenges().spend(challenge, trail.at).await? {
        unit.rollback().await?;
        return Ok(Outcome::Over);
    }
    if !shown.spend(unit.as_mut(), user, budget(&command.answer), trail).await? {
        unit.rollback().await?;
        return Ok(Outcome::Wrong);
    }
    if let Some((_, device)) = &device {
        unit.trusted_devices().insert(device).await?;
    }
    let Some(started) = prepared.open_in(unit).await? else { return Ok(Outcome::Over) };
    core.letters_queued();
    let device_token = device.map(|(token, _)| token);
    Ok(Outcome::LoggedIn(Box::new(LoggedIn { started, device_token })))
}

/// Creates a trusted device, if the user wants one and the operator allows it.
fn new_device(
    core: &Core,
    user: &User,
    command: &Command,
    trail: &Trail<'_>,
) -> Result<Option<(PlainToken, TrustedDevice)>, PortFailure> {
    let lifetime = core.settings.factors.trusted_device_lifetime;
    if !command.remember_device || !lifetime.is_positive() {
        return Ok(None);
    }
    let token = random_secret(core.entropy.as_ref())?;
    let device = TrustedDevice {
        id: TrustedDeviceId::generate(trail.at, core.entropy.as_ref())?,
        user_id: user.id,
        digest: core.verifier.digest(&token),
        credential_version: user.credential_version,
        created_at: trail.at,
        expires_at: trail.at + lifetime,
    };
    Ok(Some((token, device)))
}
