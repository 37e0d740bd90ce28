use std::collections::{HashMap, HashSet};
use std::iter;

use time::OffsetDateTime;

use super::factors;
use super::incoming::Vetted;
use super::ranges::{self, whole_microseconds};
use super::seen::{Fingerprint, Seen};
use super::{Destination, Incoming, IncomingFactor, IncomingPassword, Problem, UserFactors};
use crate::PortFailure;
use crate::account::Tier;
use crate::account::superuser::require_another;
use crate::account::tier_choice::given_by_superuser;
use crate::audit::{AuditEvent, AuditEventId, AuditEventKind, OPERATOR};
use crate::credential::{Account, HashScheme};
use crate::kernel::{ClientInfo, EntropyError, UserId};
use crate::session::{RevocationReason, end_all};
use crate::store::UnitOfWork;

/// Maximum number of users per unit of work, so that no request waits long for it.
pub const BATCH: usize = 500;

/// How the importer resolves conflicts and unknown values.
#[derive(Clone, Copy, Debug, Default)]
pub struct Policy {
    /// A user exists already.
    pub on_conflict: OnConflict,
    /// A hash cannot be verified.
    pub unknown_hash: UnknownHash,
    /// A tier is not configured.
    pub unknown_tier: UnknownTier,
    /// Whether to try everything and write nothing.
    pub dry_run: bool,
}

/// How to import a user who exists already and differs. An existing user who does not differ is left alone; an address
/// that another user has is never taken from them, and second factors never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnConflict {
    /// Report a problem, and leave the user unchanged.
    #[default]
    Refuse,
    /// Count the user, and leave the user unchanged.
    Skip,
    /// Overwrite the user with the imported values.
    Update,
}

/// How to import a user whose hash cannot be verified.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownHash {
    /// Do not import the user.
    #[default]
    Refuse,
    /// Import the user without a password.
    Reset,
}

/// How to import a user whose tier is not configured.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UnknownTier {
    /// Do not import the user.
    #[default]
    Refuse,
    /// Keep the tier, if it is a valid tier name.
    Keep,
    /// Assign the default tier of registration.
    Default,
}

/// The outcome for one user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user was added.
    Added {
        /// The user has no password, and cannot log in until an operator sets one.
        without_password: bool,
    },
    /// The user existed, and was overwritten with the imported values.
    Updated,
    /// The user existed, with the same values.
    Unchanged,
    /// The user was left unchanged, as configured.
    Skipped(Problem),
    /// The user was not imported.
    Refused(Problem),
}

/// Imports users in batches.
pub struct Importer<'a> {
    destination: &'a Destination,
    policy: Policy,
    /// The values that a dry run has met. It writes nothing, so the store does not have them.
    seen: Option<Seen>,
}

impl<'a> Importer<'a> {
    /// Creates an importer with this policy.
    pub fn new(destination: &'a Destination, policy: Policy) -> Self {
        Self { destination, policy, seen: policy.dry_run.then(Seen::default) }
    }

    /// Imports at most [`BATCH`] users, and returns the outcome for each, in their order. A batch is all or nothing,
    /// except that users who share an id or an address with an earlier one in the batch take another unit of work.
    /// After a failure the caller can pass the same batch again.
    pub async fn batch(&mut self, incoming: &[Incoming]) -> Result<Vec<Outcome>, PortFailure> {
        let mut outcomes = Vec::with_capacity(incoming.len());
        let mut rest = incoming;
        // Kept apart until the batch succeeds, because a failed batch is passed again.
        let mut met = Vec::new();
        while !rest.is_empty() {
            let (round, after) = rest.split_at(without_repetition(rest));
            let told = self.round(round, &met).await?;
            if self.seen.is_some() {
                let taken = |outcome: &Outcome| matches!(outcome, Outcome::Added { .. } | Outcome::Updated);
                let of_taken = round.iter().zip(&told).filter(|(_, outcome)| taken(outcome));
                met.extend(of_taken.flat_map(|(one, _)| fingerprints(one)));
                let added = |outcome: &Outcome| matches!(outcome, Outcome::Added { .. });
                let of_added = round.iter().zip(&told).filter(|(_, outcome)| added(outcome));
                met.extend(of_added.flat_map(|(one, _)| factor_fingerprints(one)));
            }
            outcomes.extend(told);
            rest = after;
        }
        if let Some(seen) = &mut self.seen {
            for fingerprint in met {
                seen.insert(fingerprint);
            }
        }
        Ok(outcomes)
    }

    /// Imports users in one unit of work.
    async fn round(&self, incoming: &[Incoming], met: &[Fingerprint]) -> Result<Vec<Outcome>, PortFailure> {
        let vetted: Vec<_> = incoming.iter().map(|one| self.vet(one, met)).collect();
        let mut unit = self.destination.store.begin().await?;
        match Round::new(self.destination, self.policy).run(unit.as_mut(), vetted).await {
            Ok(outcomes) if self.policy.dry_run => unit.rollback().await.map(|()| outcomes),
            Ok(outcomes) => unit.commit().await.map(|()| outcomes),
            Err(failure) => {
                // The first error is the one to report.
                let _ = unit.rollback().await;
                return Err(failure);
            }
        }
        .map_err(PortFailure::from)
    }

    fn vet<'i>(&self, incoming: &'i Incoming, met: &[Fingerprint]) -> Result<Vetted<'i>, Problem> {
        if let Some(seen) = &self.seen {
            let came_before = |fingerprint| seen.contains(fingerprint) || met.contains(&fingerprint);
            let [id, email] = fingerprints(incoming);
            if came_before(id) {
                return Err(Problem::RepeatedId);
            }
            if came_before(email) {
                return Err(Problem::RepeatedEmail);
            }
            if factor_fingerprints(incoming).any(came_before) {
                return Err(Problem::FactorTaken);
            }
        }
        if incoming.id.as_uuid().is_nil() {
            return Err(Problem::Id);
        }
        ranges::check(incoming)?;
        Ok(Vetted {
            incoming,
            password: self.password(&incoming.password)?,
            tier: incoming.tier.as_deref().map(|name| self.tier(name)).transpose()?,
            created_at: incoming.created_at.map(whole_microseconds),
            updated_at: incoming.updated_at.map(whole_microseconds),
            email_verified_at: incoming.email_verified_at.map(whole_microseconds),
        })
    }

    fn password(&self, password: &IncomingPassword) -> Result<IncomingPassword, Problem> {
        match (password, self.policy.unknown_hash) {
            (IncomingPassword::Hash(hash), unknown) if !self.destination.hashes.can_verify(hash) => {
                match unknown {
                    UnknownHash::Reset => Ok(IncomingPassword::None),
                    UnknownHash::Refuse => Err(Problem::Hash(HashScheme::of(hash))),
                }
            }
            (usable, _) => Ok(usable.clone()),
        }
    }

    fn tier(&self, name: &str) -> Result<Tier, Problem> {
        let tiers = &self.destination.tiers;
        match (given_by_superuser(tiers, name), self.policy.unknown_tier) {
            (Ok(tier), _) => Ok(tier),
            (Err(_), UnknownTier::Default) => Ok(tiers.default_tier().clone()),
            (Err(_), UnknownTier::Keep) => Tier::parse(name).map_err(|_| unknown_tier(name)),
            (Err(_), UnknownTier::Refuse) => Err(unknown_tier(name)),
        }
    }
}

/// Truncates the name to fit into a message.
fn unknown_tier(name: &str) -> Problem {
    Problem::Tier(name.chars().take(Tier::MAX_BYTES).collect())
}

fn fingerprints(incoming: &Incoming) -> [Fingerprint; 2] {
    [Fingerprint::of(("id", incoming.id)), Fingerprint::of(("email", incoming.email.normalized()))]
}

/// The ids of the factors, and the credential ids of passkeys.
fn factor_fingerprints(incoming: &Incoming) -> impl Iterator<Item = Fingerprint> {
    incoming.factors.iter().flat_map(|IncomingFactor { factor, .. }| {
        let credential =
            factor.passkey().map(|passkey| Fingerprint::of(("credential", &passkey.credential_id)));
        iter::once(Fingerprint::of(("factor", factor.id))).chain(credential)
    })
}

/// The number of users before the first repeated id or address.
fn without_repetition(incoming: &[Incoming]) -> usize {
    let (mut ids, mut emails) = (HashSet::new(), HashSet::new());
    let repeated =
        incoming.iter().position(|one| !ids.insert(one.id) || !emails.insert(one.email.normalized()));
    repeated.unwrap_or(incoming.len())
}

/// The work of one unit.
struct Round<'a> {
    destination: &'a Destination,
    at: OffsetDateTime,
    policy: Policy,
    superusers: Vec<UserId>,
    events: Vec<AuditEvent>,
}

/// An existing user, and the values that overwrite it.
struct Change<'a> {
    place: usize,
    wanted: Vetted<'a>,
    current: Account,
}

impl<'a> Round<'a> {
    fn new(destination: &'a Destination, policy: Policy) -> Self {
        Self { destination, at: destination.clock.now(), policy, superusers: Vec::new(), events: Vec::new() }
    }

    async fn run(
        mut self,
        unit: &mut dyn UnitOfWork,
        vetted: Vec<Result<Vetted<'_>, Problem>>,
    ) -> Result<Vec<Outcome>, PortFailure> {
        if self.policy.on_conflict == OnConflict::Update {
            self.superusers = unit.users().lock_active_superusers().await?;
        }
        let holders = Holders::of(unit, &vetted).await?;
        let mut outcomes = Vec::with_capacity(vetted.len());
        let (mut new, mut changes) = (Vec::new(), Vec::new());
        for (place, wanted) in vetted.into_iter().enumerate() {
            outcomes.push(match wanted {
                Err(problem) => Outcome::Refused(problem),
                Ok(wanted) => match self.decide(&wanted, &holders) {
                    Decision::Told(outcome) => outcome,
                    Decision::Add => match factors::for_store(self.destination, wanted.incoming)? {
                        Err(problem) => Outcome::Refused(problem),
                        Ok(factors) => {
                            let account = wanted.new_account(self.default_tier(), &factors.factors, self.at);
                            new.push((place, account, factors));
                            Outcome::Unchanged
                        }
                    },
                    Decision::Change(current) => {
                        changes.push(Change { place, wanted, current });
                        Outcome::Unchanged
                    }
                },
            });
        }
        self.add(unit, new, &mut outcomes).await?;
        for change in changes {
            let place = change.place;
            let outcome = self.change(unit, change).await?;
            if let Some(told) = outcomes.get_mut(place) {
                *told = outcome;
            }
        }
        if !self.events.is_empty() {
            unit.audit().record_all(&self.events).await?;
        }
        Ok(outcomes)
    }

    fn default_tier(&self) -> &Tier {
        self.destination.tiers.default_tier()
    }

    fn decide(&self, wanted: &Vetted<'_>, holders: &Holders) -> Decision {
        let told = |problem| match self.policy.on_conflict {
            OnConflict::Skip => Decision::Told(Outcome::Skipped(problem)),
            OnConflict::Refuse | OnConflict::Update => Decision::Told(Outcome::Refused(problem)),
        };
        let holder = holders.of_email(wanted.incoming.email.normalized()).map(|account| &account.user);
        let taken = holder.filter(|holder| holder.id != wanted.incoming.id).map(|holder| {
            if holder.email.as_str() == wanted.incoming.email.as_str() {
                Problem::EmailTaken(holder.id)
            } else {
                Problem::EmailTakenInOtherLetters(holder.id)
            }
        });
        match (holders.of_id(wanted.incoming.id), taken) {
            (None, None) => Decision::Add,
            (None, Some(taken)) => told(taken),
            (Some(current), taken) => {
                let differences = wanted.differences(current);
                if differences.is_empty() {
                    return Decision::Told(Outcome::Unchanged);
                }
                match (self.policy.on_conflict, taken) {
                    (OnConflict::Update, None) => Decision::Change(current.clone()),
                    (OnConflict::Update, Some(taken)) => told(taken),
                    _ => told(Problem::Differs(differences)),
                }
            }
        }
    }

    async fn add(
        &mut self,
        unit: &mut dyn UnitOfWork,
        new: Vec<(usize, Account, UserFactors)>,
        outcomes: &mut [Outcome],
    ) -> Result<(), PortFailure> {
        if new.is_empty() {
            return Ok(());
        }
        let (places, accounts, factors): (Vec<usize>, Vec<Account>, Vec<UserFactors>) =
            new.into_iter().collect();
        let added: HashSet<UserId> = unit.transfer().insert_new(&accounts).await?.into_iter().collect();
        let refused = self.add_factors(unit, factors, &added).await?;
        for (place, Account { user, password }) in places.into_iter().zip(&accounts) {
            let outcome = if refused.contains(&user.id) {
                Outcome::Refused(Problem::FactorTaken)
            } else if added.contains(&user.id) {
                if user.is_active && user.is_superuser {
                    self.superusers.push(user.id);
                }
                self.note(AuditEventKind::UserImported, user.id)?;
                Outcome::Added { without_password: password.is_none() }
            } else {
                Outcome::Refused(Problem::ChangedMeanwhile)
            };
            if let Some(told) = outcomes.get_mut(place) {
                *told = outcome;
            }
        }
        Ok(())
    }

    /// Adds the factors of users that were added. It deletes users whose factors are taken, and returns them.
    async fn add_factors(
        &self,
        unit: &mut dyn UnitOfWork,
        mut new: Vec<UserFactors>,
        added: &HashSet<UserId>,
    ) -> Result<HashSet<UserId>, PortFailure> {
        new.retain(|one| !one.factors.is_empty() && added.contains(&one.user));
        if new.is_empty() {
            return Ok(HashSet::new());
        }
        let complete: HashSet<UserId> = unit.transfer().insert_factors(&new).await?.into_iter().collect();
        let users = new.iter().map(|factors| factors.user);
        let refused: HashSet<UserId> = users.filter(|user| !complete.contains(user)).collect();
        for user in &refused {
            unit.users().delete(*user).await?;
        }
        Ok(refused)
    }

    async fn change(
        &mut self,
        unit: &mut dyn UnitOfWork,
        change: Change<'_>,
    ) -> Result<Outcome, PortFailure> {
        let Change { wanted, current, .. } = change;
        let account = wanted.applied_to(&current, self.at);
        let user = &account.user;
        let deactivated = current.user.is_active && !user.is_active;
        let demoted = current.user.is_superuser && !user.is_superuser;
        if (deactivated || demoted)
            && let Err(last) = require_another(&self.superusers, user.id)
        {
            return Ok(Outcome::Refused(last.into()));
        }
        if !unit.transfer().replace(&account).await? {
            return Ok(Outcome::Refused(Problem::ChangedMeanwhile));
        }
        self.superusers.retain(|id| *id != user.id);
        if user.is_active && user.is_superuser {
            self.superusers.push(user.id);
        }
        let has_new_password = account.password != current.password;
        let reason = [
            (has_new_password, RevocationReason::PasswordChanged),
            (deactivated, RevocationReason::Deactivated),
            (demoted, RevocationReason::Demoted),
        ]
        .into_iter()
        .find_map(|(holds, reason)| holds.then_some(reason));
        if let Some(reason) = reason {
            end_all(unit, user.id, None, reason, self.at).await?;
        }
        if has_new_password {
            self.note(AuditEventKind::PasswordChanged, user.id)?;
        }
        let kind = if deactivated { AuditEventKind::UserDeactivated } else { AuditEventKind::UserUpdated };
        self.note(kind, user.id)?;
        Ok(Outcome::Updated)
    }

    fn note(&mut self, kind: AuditEventKind, user: UserId) -> Result<(), EntropyError> {
        self.events.push(AuditEvent {
            id: AuditEventId::generate(self.at, self.destination.entropy.as_ref())?,
            occurred_at: self.at,
            kind,
            subject: user.into(),
            session_id: None,
            actor_id: Some(OPERATOR),
            client: ClientInfo::default(),
            reason: None,
        });
        Ok(())
    }
}

enum Decision {
    Told(Outcome),
    Add,
    Change(Account),
}

/// The existing users that have an id or an address of a batch.
struct Holders {
    by_id: HashMap<UserId, Account>,
    by_email: HashMap<String, UserId>,
}

impl Holders {
    async fn of(
        unit: &mut dyn UnitOfWork,
        vetted: &[Result<Vetted<'_>, Problem>],
    ) -> Result<Self, PortFailure> {
        let wanted = || vetted.iter().flatten().map(|wanted| wanted.incoming);
        let ids: Vec<_> = wanted().map(|incoming| incoming.id).collect();
        let emails: Vec<_> = wanted().map(|incoming| incoming.email.clone()).collect();
        let found = if ids.is_empty() { Vec::new() } else { unit.transfer().holders(&ids, &emails).await? };
        let users = found.iter().map(|account| &account.user);
        let by_email = users.map(|user| (user.email.normalized().to_owned(), user.id)).collect();
        let by_id = found.into_iter().map(|account| (account.user.id, account)).collect();
        Ok(Self { by_id, by_email })
    }

    fn of_id(&self, id: UserId) -> Option<&Account> {
        self.by_id.get(&id)
    }

    fn of_email(&self, normalized: &str) -> Option<&Account> {
        self.by_email.get(normalized).and_then(|id| self.of_id(*id))
    }
}
