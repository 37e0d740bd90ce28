//! Proves a session again, with a higher or a fresh assurance (RFC 9470).

use super::evidence::assess;
use super::second_factor::{self, Verified, budget};
use super::second_step;
use super::{Answer, Assurance, Evidence, PasskeyRequest};
use crate::account::User;
use crate::audit::{AuditEventKind, Trail};
use crate::challenge::{self, Challenge, ChallengePurpose};
use crate::credential::{Account, ClientTrust, Password, Requester};
use crate::factor::Spent;
use crate::kernel::ClientInfo;
use crate::session::{Principal, Session, Started, rekeyed};
use crate::{Core, Failure};

/// What the user presents: the password, a second factor, or both.
#[derive(Debug)]
pub struct Command {
    /// The password.
    pub password: Option<Password>,
    /// The second factor.
    pub answer: Option<Answer>,
}

/// Why the session stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The token belongs to no session: the user has to log in.
    LoginNeeded,
    /// The password is wrong.
    WrongPassword,
    /// The code or the passkey is wrong.
    WrongFactor {
        /// How many codes of this method may still be wrong; `None` for a passkey.
        attempts_left: Option<i16>,
    },
    /// The method is closed after too many wrong codes. The code was not verified.
    Closed,
    /// What was presented does not suffice: nothing, or a factor for a session that began without a password.
    Insufficient,
    /// The challenge of the passkey is unknown, used, expired or void, or belongs to another session.
    ChallengeOver,
    /// The session ended, or a credential was changed, meanwhile.
    ChangedMeanwhile,
}

/// Why there are no options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoOptions {
    /// The token belongs to no session: the user has to log in.
    LoginNeeded,
    /// The user has no passkey.
    NoPasskey,
}

/// Creates a request to the passkeys of the user.
pub async fn options(core: &Core, principal: &Principal) -> Result<PasskeyRequest, Failure<NoOptions>> {
    let session = principal.session_id().ok_or(Failure::Refused(NoOptions::LoginNeeded))?;
    let user = &principal.user;
    let (step, challenge) = second_step::ask(core, user, ChallengePurpose::StepUp, Some(session)).await?;
    let request = step.passkey.ok_or(Failure::Refused(NoOptions::NoPasskey))?;
    challenge::store(core, &challenge).await?;
    Ok(request)
}

/// Verifies what the user presents, and re-keys the session. Its earlier tokens, or its earlier cookie, end.
pub async fn execute(
    core: &Core,
    principal: &Principal,
    command: Command,
    client: &ClientInfo,
) -> Result<Started, Failure<Refusal>> {
    let now = core.clock.signing_time()?;
    let session = principal.session().ok_or(Failure::Refused(Refusal::LoginNeeded))?;
    let user = &principal.user;
    let trail = Trail { core, at: now, actor: Some(user.id), client };
    let has_password = command.password.is_some() || session.assurance.amr.has_password();
    if !has_password && !matches!(command.answer, Some(Answer::Passkey(_))) {
        return Err(Failure::Refused(Refusal::Insufficient));
    }
    let mut evidence = Vec::new();
    if let Some(password) = command.password {
        check_password(core, user, password, client).await?;
        evidence.push(Evidence::Password);
    } else if command.answer.is_some() && session.assurance.amr.has_password() {
        // The session began with the password; the factor proves now that the user is still there.
        evidence.push(Evidence::Password);
    }
    let shown = match &command.answer {
        Some(answer) => Some(show(core, principal, session, answer, &trail).await?),
        None => None,
    };
    evidence.extend(shown.iter().map(|presented| presented.shown.evidence));
    let assurance = assess(&evidence).ok_or(Failure::Refused(Refusal::Insufficient))?;
    renew(core, principal, session, shown, assurance, &trail).await
}

async fn check_password(
    core: &Core,
    user: &User,
    password: Password,
    client: &ClientInfo,
) -> Result<(), Failure<Refusal>> {
    let account = core.store.read().await?.credentials().by_id(user.id).await?;
    let Some(Account { password: Some(hash), .. }) = account else {
        return Err(Failure::Refused(Refusal::WrongPassword));
    };
    let requester = Requester::new(client, ClientTrust::Recognised);
    if core.hasher.check(password, hash, requester).await? {
        Ok(())
    } else {
        Err(Failure::Refused(Refusal::WrongPassword))
    }
}

/// A verified factor that is not spent yet.
struct VerifiedAnswer {
    shown: Verified,
    /// The challenge that it answers, of a passkey.
    challenge: Option<Challenge>,
    /// What was taken from a budget for it, of a code.
    taken: Option<Spent>,
}

impl VerifiedAnswer {
    /// The refusal of a code that turned out to be wrong.
    fn wrong(taken: Option<Spent>) -> Refusal {
        Refusal::WrongFactor { attempts_left: taken.map(|spent| spent.budget.limit() - spent.taken) }
    }
}

/// Counts the attempt, and then verifies the factor.
async fn show(
    core: &Core,
    principal: &Principal,
    session: &Session,
    answer: &Answer,
    trail: &Trail<'_>,
) -> Result<VerifiedAnswer, Failure<Refusal>> {
    let user = &principal.user;
    let taken = match budget(answer) {
        Some(budget) => {
            let mut unit = core.store.begin().await?;
            let taken = unit.factors().take_code(user.id, budget, trail.at).await?;
            unit.commit().await?;
            Some(taken.ok_or(Failure::Refused(Refusal::Closed))?)
        }
        None => None,
    };
    let asked = match answer {
        Answer::Passkey(assertion) => {
            let purpose = ChallengePurpose::StepUp;
            let found = challenge::find_named(core, &assertion.client_data, purpose, trail.at).await?;
            let own = found.filter(|(_, challenge)| challenge.is_for(user, Some(session.id)));
            Some(own.ok_or(Failure::Refused(Refusal::ChallengeOver))?)
        }
        Answer::Totp(_) | Answer::RecoveryCode(_) => None,
    };
    let token = asked.as_ref().map(|(token, _)| token);
    let taken_from = taken.map(|spent| spent.budget);
    match second_factor::verify(core, user, (answer, taken_from), token, trail).await? {
        Some(shown) => {
            let challenge = asked.map(|(_, challenge)| challenge);
            Ok(VerifiedAnswer { shown, challenge, taken })
        }
        None => {
            second_factor::note_closed(core, user, taken, trail).await?;
            Err(Failure::Refused(VerifiedAnswer::wrong(taken)))
        }
    }
}

/// Spends the factor and re-keys the session: all or nothing.
async fn renew(
    core: &Core,
    principal: &Principal,
    session: &Session,
    presented: Option<VerifiedAnswer>,
    assurance: Assurance,
    trail: &Trail<'_>,
) -> Result<Started, Failure<Refusal>> {
    let authenticated = (trail.at, assurance);
    let (renewed, token, rekey) = rekeyed(core, session, authenticated, trail.client)?;
    let event = trail.event(AuditEventKind::SteppedUp, session.user_id, Some(session.id))?;
    let mut unit = core.store.begin().await?;
    let locked = crate::session::lock_unchanged(unit.as_mut(), principal, trail.at).await?;
    let Some(user) = locked else {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::ChangedMeanwhile));
    };
    if let Some(VerifiedAnswer { shown, challenge, taken }) = presented {
        if let Some(challenge) = challenge
            && !unit.challenges().spend(challenge.id, trail.at).await?
        {
            unit.rollback().await?;
            return Err(Failure::Refused(Refusal::ChallengeOver));
        }
        if !shown.spend(unit.as_mut(), &user, taken.map(|spent| spent.budget), trail).await? {
            unit.rollback().await?;
            second_factor::note_closed(core, &user, taken, trail).await?;
            return Err(Failure::Refused(VerifiedAnswer::wrong(taken)));
        }
    }
    if !unit.sessions().rekey(&rekey).await? {
        unit.rollback().await?;
        return Err(Failure::Refused(Refusal::ChangedMeanwhile));
    }
    unit.audit().record(&event).await?;
    unit.commit().await?;
    core.letters_queued();
    Ok(Started { session: renewed, user, token })
}
