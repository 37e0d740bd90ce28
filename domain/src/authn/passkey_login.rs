//! Login with a passkey alone. The request names no account, so nothing reveals whether one exists.

use super::second_factor::{Asked, verify_passkey};
use super::second_step::request;
use super::{PasskeyRequest, Proven};
use crate::account::User;
use crate::audit::Trail;
use crate::challenge::{self, ChallengePurpose};
use crate::factor::{Assertion, Factor};
use crate::kernel::{ClientInfo, UserId};
use crate::session::{SessionKind, Started, start};
use crate::{Core, Failure, PortFailure};

/// The service has no domain to which passkeys can be bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotRelyingParty;

/// Why no session was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The challenge is unknown, used or expired.
    #[error("challenge over")]
    ChallengeOver,
    /// No account has the passkey, its answer is wrong, or the account is deactivated.
    #[error("wrong passkey")]
    Wrong(Option<UserId>),
}

impl Refusal {
    /// The user that the refusal is about.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::ChallengeOver => None,
            Self::Wrong(user) => user,
        }
    }
}

/// Creates a request to any passkey of this service.
pub async fn options(core: &Core) -> Result<PasskeyRequest, Failure<NotRelyingParty>> {
    let now = core.clock.now();
    let (token, challenge) = challenge::create(core, ChallengePurpose::PasskeyLogin, None, None, now)?;
    let request = request(core, &token, Vec::new(), true).ok_or(Failure::Refused(NotRelyingParty))?;
    challenge::store(core, &challenge).await?;
    Ok(request)
}

/// Verifies the answer of a passkey and starts a session.
pub async fn execute(
    core: &Core,
    assertion: Assertion,
    in_browser: bool,
    client: ClientInfo,
) -> Result<Started, Failure<Refusal>> {
    let now = core.clock.signing_time()?;
    let over = || Failure::Refused(Refusal::ChallengeOver);
    let found =
        challenge::find_named(core, &assertion.client_data, ChallengePurpose::PasskeyLogin, now).await?;
    let (token, challenge) = found.ok_or_else(over)?;
    let found = owner(core, &assertion).await?;
    let (factor, user) = found.ok_or(Failure::Refused(Refusal::Wrong(None)))?;
    let wrong = || Failure::Refused(Refusal::Wrong(Some(user.id)));
    let trail = Trail { core, at: now, actor: Some(user.id), client: &client };
    let asked = Asked { challenge: &token, is_passwordless: true };
    let shown = verify_passkey(core, &factor, &assertion, asked, &trail)?.ok_or_else(wrong)?;
    let proven = Proven::by(&user, &[shown.evidence]).ok_or_else(wrong)?;
    let prepared = start::prepare(core, proven, SessionKind::of_login(in_browser), client.clone()).await?;
    let mut unit = core.store.begin().await?;
    unit.users().lock(user.id).await?;
    if !unit.challenges().spend(challenge.id, now).await? {
        unit.rollback().await?;
        return Err(over());
    }
    if !shown.spend(unit.as_mut(), &user, None, &trail).await? {
        unit.rollback().await?;
        return Err(wrong());
    }
    prepared.open_in(unit).await?.ok_or_else(wrong)
}

/// The passkey that answers, and its active user.
async fn owner(core: &Core, assertion: &Assertion) -> Result<Option<(Factor, User)>, PortFailure> {
    let mut view = core.store.read().await?;
    let Some(factor) = view.factors().by_credential(&assertion.credential_id).await? else { return Ok(None) };
    let user = view.users().by_id(factor.user_id).await?.filter(|user| user.is_active);
    Ok(user.map(|user| (factor, user)))
}
