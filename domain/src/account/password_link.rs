//! Sets a password by a link: a reset, or an accepted invitation.

use super::{User, UserChange};
use crate::action_token::{self, ActionToken, Parsed, Purpose};
use crate::audit::{AuditEventKind, Trail};
use crate::authn::second_factor::{self, Verified};
use crate::authn::{Answer, SecondStep, second_step};
use crate::challenge::{self, ChallengeId, ChallengePurpose};
use crate::credential::password_policy::{self, WeakPassword};
use crate::credential::{ClientTrust, Password, PasswordHash, Requester};
use crate::factor::Budget;
use crate::kernel::{ClientInfo, PlainToken};
use crate::outbox::{Letter, LetterKind, notice};
use crate::session::{RevocationReason, end_all};
use crate::store::UnitOfWork;
use crate::{Core, Failure, PortFailure};

/// Why the password was not set.
#[derive(Debug)]
pub enum Refusal {
    /// The token is wrong, used or expired, or has another purpose.
    Invalid,
    /// The password is too weak. The token was not spent.
    WeakPassword(WeakPassword),
    /// The account has a second factor, which the request must show. The token was not spent.
    NeedsFactor(Box<SecondStep>),
    /// The code or the passkey is wrong.
    WrongFactor {
        /// How many attempts are left with this token. With none, it is void.
        attempts_left: i16,
    },
}

/// A second factor, shown with a link.
#[derive(Debug)]
pub struct Proof {
    /// The answer.
    pub answer: Answer,
    /// The challenge that it answers, of a passkey.
    pub challenge: Option<PlainToken>,
}

/// What a link does besides setting the password.
pub(super) struct Kind {
    pub(super) purpose: Purpose,
    pub(super) event: AuditEventKind,
    pub(super) notice: LetterKind,
}

/// Sets the password. It never starts a session. All sessions and all other tokens of the user end, except undo tokens.
/// The link proves the mailbox, so the address is verified.
pub(super) async fn set(
    core: &Core,
    kind: &Kind,
    token: &str,
    password: Password,
    proof: Option<Proof>,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let now = core.clock.now();
    let invalid = || Failure::Refused(Refusal::Invalid);
    let parsed = Parsed::parse(token).ok_or_else(invalid)?;
    let found = action_token::find(core, &parsed, kind.purpose, now).await?.ok_or_else(invalid)?;
    let user = core.store.read().await?.users().by_id(found.user_id).await?;
    let user = user.filter(|user| permits(user, &found)).ok_or_else(invalid)?;
    password_policy::check_new(&password, &user.email, &core.settings.context_words)
        .map_err(|weak| Failure::Refused(Refusal::WeakPassword(weak)))?;
    let needs_factor = user.has_factor() && core.settings.factors.reset_needs_factor;
    let shown = if needs_factor { Some(show(core, &found, &user, proof, client).await?) } else { None };
    let hash: PasswordHash =
        core.hasher.hash(password, Requester::new(client, ClientTrust::Recognised)).await?;

    let now = core.clock.now();
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let event = trail.event(kind.event, user.id, None)?;
    let mut unit = core.store.begin().await?;
    let locked = unit.users().lock(user.id).await?.filter(|user| permits(user, &found));
    let Some(user) = locked else {
        unit.rollback().await?;
        return Err(invalid());
    };
    if !unit.action_tokens().spend(found.id, &found.hashed_token, now).await?
        || !unit.credentials().change_password(user.id, user.credential_version, &hash, now).await?
    {
        unit.rollback().await?;
        return Err(invalid());
    }
    if let Some(shown) = shown
        && !shown.spend(unit.as_mut(), &user, &trail).await?
    {
        unit.rollback().await?;
        return Err(wrong(core, &found, shown.attempts_left).await?);
    }
    if found.email == user.email && user.email_verified_at.is_none() {
        let change = UserChange { email_verified_at: Some(Some(now)), ..UserChange::default() };
        unit.users().update(user.id, &change, now).await?;
    }
    action_token::void_all(unit.as_mut(), user.id).await?;
    end_all(unit.as_mut(), user.id, None, RevocationReason::PasswordChanged, now).await?;
    unit.audit().record(&event).await?;
    if let Some(letter) = notice(core, kind.notice, &user, client, now)? {
        unit.outbox().insert_once_since(&letter, now - Letter::NOTICE_INTERVAL).await?;
    }
    unit.commit().await?;
    core.letters_queued();
    Ok(())
}

/// A second factor that was verified and is not spent yet.
struct VerifiedProof {
    shown: Verified,
    challenge: Option<ChallengeId>,
    taken_from: Option<Budget>,
    attempts_left: i16,
}

impl VerifiedProof {
    /// Spends it; `false` if it turned out to be wrong, or another request has spent it.
    async fn spend(
        &self,
        unit: &mut dyn UnitOfWork,
        user: &User,
        trail: &Trail<'_>,
    ) -> Result<bool, PortFailure> {
        let is_open = match self.challenge {
            Some(challenge) => unit.challenges().spend(challenge, trail.at).await?,
            None => true,
        };
        Ok(is_open && self.shown.spend(unit, user, self.taken_from, trail).await?)
    }
}

/// Counts the attempt, and then verifies the second factor; without one, it asks for it.
async fn show(
    core: &Core,
    token: &ActionToken,
    user: &User,
    proof: Option<Proof>,
    client: &ClientInfo,
) -> Result<VerifiedProof, Failure<Refusal>> {
    let now = core.clock.now();
    let purpose = ChallengePurpose::PasswordReset;
    let Some(Proof { answer, challenge: token_of_challenge }) = proof else {
        let (step, challenge) = second_step::ask(core, user, purpose, None).await?;
        challenge::store(core, &challenge).await?;
        return Err(Failure::Refused(Refusal::NeedsFactor(Box::new(step))));
    };
    let taken_from = second_factor::budget(&answer).map(|_| Budget::PasswordReset);
    let mut unit = core.store.begin().await?;
    let Some(attempts_left) = unit.action_tokens().count_code(token.id, now).await? else {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::Invalid));
    };
    let is_open = match taken_from {
        Some(budget) => unit.factors().take_code(user.id, budget, now).await?.is_some(),
        None => true,
    };
    unit.commit().await?;
    let challenge = match &token_of_challenge {
        Some(presented) => {
            let found = challenge::find(core, presented, purpose, now).await?;
            found.filter(|challenge| challenge.is_for(user, None))
        }
        None => None,
    };
    let asked = token_of_challenge.as_ref().filter(|_| challenge.is_some());
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let shown = match is_open {
        true => second_factor::verify(core, user, (&answer, taken_from), asked, &trail).await?,
        false => None,
    };
    match shown {
        Some(shown) => {
            Ok(VerifiedProof { shown, challenge: challenge.map(|found| found.id), taken_from, attempts_left })
        }
        None => Err(wrong(core, token, attempts_left).await?),
    }
}

/// The refusal of a wrong factor. The last attempt voids the token, and closes no method at login.
async fn wrong(
    core: &Core,
    token: &ActionToken,
    attempts_left: i16,
) -> Result<Failure<Refusal>, PortFailure> {
    if attempts_left == 0 {
        let mut unit = core.store.begin().await?;
        unit.users().lock(token.user_id).await?;
        unit.action_tokens().void(token.user_id, token.purpose).await?;
        unit.commit().await?;
    }
    Ok(Failure::Refused(Refusal::WrongFactor { attempts_left }))
}

/// Whether the token still acts on this user.
fn permits(user: &User, token: &ActionToken) -> bool {
    user.is_active && user.credential_version == token.credential_version
}
