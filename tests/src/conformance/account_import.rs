//! `UserSnapshot`, `UserTransfer` and `AuditLog::record_all`, and the import rules that use them.

use std::collections::{BTreeMap, BTreeSet};
use std::slice;
use std::sync::Arc;

use inwren_domain::account::import::{
    ClearSecret, Destination, Importer, Incoming, IncomingFactor, IncomingPassword, OnConflict, Outcome,
    Policy, Problem, UserFactors, UserSnapshot,
};
use inwren_domain::account::{Tier, User};
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::factor::{Factor, FactorKind, plain_secret};
use inwren_domain::kernel::{TokenDigest, UserId};
use inwren_domain::keyring::{KeyringError, SecretKeyId};
use inwren_domain::session::{REVOKED_AT_ONCE, RevocationReason};
use inwren_domain::store::Store;
use time::Duration;
use uuid::Uuid;

use super::support::{
    account_of, add_sessions, add_users, all_users, assert_same_account, assert_same_user, assert_waits,
    events, live_of, many_sessions, password_of, session_of, user_of,
};
use crate::fakes::Fakes;
use crate::fixtures::{
    self, account, digest, email, event, fresh_email, now, passkey_of, superuser, totp_of, unique, user,
    user_fixture, user_id,
};

/// A snapshot MUST return each user exactly once, in the order of the ids, and its count MUST be their number.
pub async fn a_snapshot_gives_everybody_once_in_the_order_of_ids(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..23).map(|_| fixtures::distinct_user()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let mut snapshot = store.snapshot().await.unwrap();
    assert_eq!(snapshot.count().await.unwrap(), 23);
    let mut found = Vec::new();
    loop {
        let batch = snapshot.next(5).await.unwrap();
        assert!(batch.len() <= 5);
        if batch.is_empty() {
            break;
        }
        found.extend(batch);
    }
    assert!(snapshot.next(5).await.unwrap().is_empty());
    let mut expected = users;
    expected.sort_by_key(|user| *user.id.as_uuid().as_bytes());
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(&expected) {
        assert_same_account(found, &account(expected));
    }
}

/// A snapshot MUST return all users as they were when it was taken, and MUST NOT block a writer.
pub async fn a_snapshot_is_of_one_moment(store: Arc<dyn Store>) {
    let (kept, gone) = (user_fixture(), user_fixture());
    add_users(&*store, &[&kept, &gone]).await;
    let mut snapshot = store.snapshot().await.unwrap();
    add_users(&*store, &[&user_fixture()]).await;
    in_unit!(store, |unit| {
        assert!(unit.users().delete(gone.id).await.unwrap());
        let changed = User { is_active: false, ..kept.clone() };
        assert!(unit.transfer().replace(&account(&changed)).await.unwrap());
    });
    assert_eq!(snapshot.count().await.unwrap(), 2);
    let found = snapshot.next(100).await.unwrap();
    let ids: BTreeSet<UserId> = found.iter().map(|account| account.user.id).collect();
    assert_eq!(ids, BTreeSet::from([kept.id, gone.id]));
    assert!(found.iter().all(|account| account.user.is_active));
    drop(snapshot);
    assert_eq!(store.snapshot().await.unwrap().count().await.unwrap(), 2);
}

/// `holders` finds by id and by normalised address, and returns each user once.
pub async fn holders_are_found_by_id_and_by_address(store: Arc<dyn Store>) {
    let (ann, bob, eve) = (user("Ann.É@Example.org"), user_fixture(), user_fixture());
    add_users(&*store, &[&ann, &bob, &eve]).await;
    let mut unit = store.begin().await.unwrap();
    let ids = [bob.id, ann.id, user_id()];
    let emails = [email("ann.e\u{301}@example.ORG"), fresh_email()];
    let mut found = unit.transfer().holders(&ids, &emails).await.unwrap();
    found.sort_by_key(|account| account.user.id);
    let mut expected = vec![account(&ann), account(&bob)];
    expected.sort_by_key(|account| account.user.id);
    assert_eq!(found, expected);
    assert!(unit.transfer().holders(&[], &[fresh_email()]).await.unwrap().is_empty());
    unit.rollback().await.unwrap();
}

/// No other unit MUST be able to lock a holder until the unit ends.
pub async fn holders_keep_others_waiting(store: Arc<dyn Store>) {
    let ann = user_fixture();
    add_users(&*store, &[&ann]).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.transfer().holders(&[ann.id], &[]).await.unwrap(), [account(&ann)]);
    let mut waiting = tokio::spawn({
        let (store, id) = (store.clone(), ann.id);
        async move { in_unit!(store, |unit| unit.users().lock(id).await.unwrap()) }
    });
    assert_waits(&mut waiting).await;
    unit.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), Some(ann));
}

/// `insert_new` inserts the users whose id and address are free, MUST skip the others, and the unit MUST go on.
pub async fn only_the_new_are_inserted_and_the_unit_goes_on(store: Arc<dyn Store>) {
    let ann = user("Ann@example.org");
    add_users(&*store, &[&ann]).await;
    let odd = User {
        is_active: false,
        is_superuser: true,
        tier: Tier::from_stored("unheard-of".to_owned()),
        updated_at: now() + Duration::MICROSECOND,
        email_verified_at: Some(now()),
        credential_version: 7,
        sessions_epoch: 8,
        highest_acr: Acr::Phr,
        ..user("Grüße.用户@Bücher.Example")
    };
    let same_email = user("aNN@example.org");
    let same_id = User { id: ann.id, ..user_fixture() };
    let many: Vec<User> = (0..1_100).map(|_| user_fixture()).collect();
    let mut all: Vec<Account> = [&same_email, &same_id].into_iter().chain(&many).map(account).collect();
    let odd_account = Account { user: odd.clone(), password: None };
    all.push(odd_account.clone());
    let inserted = in_unit!(store, |unit| {
        let inserted = unit.transfer().insert_new(&all).await.unwrap();
        unit.audit().record(&event(AuditEventKind::UserImported, odd.id)).await.unwrap();
        inserted
    });
    assert_eq!(inserted.len(), 1_101);
    assert!(inserted.contains(&odd.id) && !inserted.contains(&ann.id));
    assert_same_account(&account_of(&*store, odd.id).await.unwrap(), &odd_account);
    assert_same_user(&user_of(&*store, ann.id).await.unwrap(), &ann);
    assert_eq!(store.snapshot().await.unwrap().count().await.unwrap(), 1_102);
    assert_eq!(events(&*store).await.len(), 1);
}

/// Sessions left by a deleted user MUST NOT become live again for an imported user with the same id.
pub async fn sessions_left_by_a_deleted_user_stay_ended(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let sessions = many_sessions(&user, usize::from(REVOKED_AT_ONCE) + 40);
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    for session in &sessions {
        assert_eq!(session_of(&*store, session.id).await, None);
    }
    let again = User { id: user.id, ..user_fixture() };
    let inserted = in_unit!(store, |unit| unit
        .transfer()
        .insert_new(&[account(&again), account(&user_fixture())])
        .await
        .unwrap());
    assert_eq!(inserted.len(), 2);
    assert_eq!(live_of(&*store, user.id).await, []);
    let found = user_of(&*store, user.id).await.unwrap();
    for session in &sessions {
        let left = session_of(&*store, session.id).await;
        assert!(left.is_none_or(|left| !left.is_live(&found, now())));
    }
    let session = fixtures::session_of(&found);
    add_sessions(&*store, &[&session]).await;
    assert_eq!(live_of(&*store, user.id).await, [session]);
}

/// Of several units that insert one address concurrently exactly one MUST win, and the others go on.
pub async fn of_many_bulk_inserts_of_one_address_exactly_one_wins(store: Arc<dyn Store>) {
    let attempts = (0..8).map(|n| {
        let store = store.clone();
        let users = [user_fixture(), user(if n % 2 == 0 { "Race@example.org" } else { "rACE@example.org" })];
        let users = users.map(|user| account(&user));
        async move { in_unit!(store, |unit| unit.transfer().insert_new(&users).await.unwrap()).len() }
    });
    let inserted: Vec<usize> = super::support::together(attempts).await;
    assert_eq!(inserted.iter().sum::<usize>(), 8 + 1, "{inserted:?}");
}

/// `replace` changes every field; it MUST change nothing if the user is unknown or another user has the address.
pub async fn a_replacement_is_whole_or_nothing(store: Arc<dyn Store>) {
    let (ann, bob) = (user_fixture(), user_fixture());
    add_users(&*store, &[&ann, &bob]).await;
    let changed = User {
        id: ann.id,
        is_active: false,
        is_superuser: true,
        tier: fixtures::tier("premium"),
        created_at: ann.created_at - Duration::DAY,
        updated_at: now(),
        email_verified_at: Some(now()),
        credential_version: 5,
        sessions_epoch: 6,
        highest_acr: Acr::Aal2,
        ..user("Another.Ann@example.org")
    };
    let replaced = Account { user: changed.clone(), password: Some(fixtures::password_hash()) };
    in_unit!(store, |unit| {
        assert!(unit.transfer().replace(&replaced).await.unwrap());
        let taken = User { email: email(&bob.email.as_str().to_uppercase()), ..changed.clone() };
        assert!(!unit.transfer().replace(&account(&taken)).await.unwrap());
        assert!(!unit.transfer().replace(&account(&user_fixture())).await.unwrap());
    });
    assert_same_account(&account_of(&*store, ann.id).await.unwrap(), &replaced);
    assert_same_user(&user_of(&*store, bob.id).await.unwrap(), &bob);
    // A store that keeps an ordered index of users has each of them once.
    assert_eq!(all_users(&*store).await.len(), 2);
}

/// Recorded events are stored unchanged if and only if the unit commits.
pub async fn many_events_are_recorded_with_the_unit(store: Arc<dyn Store>) {
    let many: Vec<AuditEvent> = (0..1_100)
        .map(|n| AuditEvent {
            occurred_at: now() + Duration::microseconds(n),
            reason: (n % 2 == 0).then(|| format!("reason {n}")),
            ..event(AuditEventKind::UserImported, user_id())
        })
        .collect();
    let mut unit = store.begin().await.unwrap();
    unit.audit().record_all(&many).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(events(&*store).await, []);
    in_unit!(store, |unit| unit.audit().record_all(&many).await.unwrap());
    assert!(events(&*store).await.iter().rev().eq(&many));
}

/// An import adds users, and a second one changes nothing; each new user has an event.
pub async fn an_import_twice_is_an_import_once(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let users: Vec<User> = (0..7).map(|_| user_fixture()).collect();
    let batch: Vec<Incoming> = users.iter().map(incoming).collect();
    let added = Outcome::Added { without_password: false };
    assert_eq!(imported(&fakes, Policy::default(), &batch).await, vec![added; 7]);
    for user in &users {
        assert_same_user(&user_of(&*store, user.id).await.unwrap(), user);
    }
    let kinds: Vec<AuditEventKind> = events(&*store).await.iter().map(|event| event.kind).collect();
    assert_eq!(kinds, [AuditEventKind::UserImported; 7]);
    for on_conflict in [OnConflict::Refuse, OnConflict::Skip, OnConflict::Update] {
        let policy = Policy { on_conflict, ..Policy::default() };
        assert_eq!(imported(&fakes, policy, &batch).await, vec![Outcome::Unchanged; 7]);
    }
    assert_eq!(events(&*store).await.len(), 7);
}

/// A dry run reports the same outcomes and writes nothing.
pub async fn a_dry_import_tells_the_same_and_writes_nothing(store: Arc<dyn Store>) {
    let destination = Destination::from(&Fakes::over(store.clone()).core);
    let here = user("Here@example.org");
    add_users(&*store, &[&here]).await;
    let (new, again) = (user("new@example.org"), user("NEW@example.org"));
    let stranger = user("HERE@example.org");
    let changed = User { is_active: false, ..here.clone() };
    let batches = [[&new, &stranger], [&again, &changed]].map(|batch| batch.map(incoming));
    for on_conflict in [OnConflict::Refuse, OnConflict::Skip, OnConflict::Update] {
        let policy = Policy { on_conflict, dry_run: true, ..Policy::default() };
        let mut importer = Importer::new(&destination, policy);
        let first = importer.batch(&batches[0]).await.unwrap();
        assert_eq!(first[0], Outcome::Added { without_password: false });
        let taken = Problem::EmailTakenInOtherLetters(here.id);
        assert_eq!(
            first[1],
            match on_conflict {
                OnConflict::Skip => Outcome::Skipped(taken),
                _ => Outcome::Refused(taken),
            }
        );
        let second = importer.batch(&batches[1]).await.unwrap();
        assert_eq!(second[0], Outcome::Refused(Problem::RepeatedEmail));
        let differs = Problem::Differs(vec!["is_active"]);
        assert_eq!(
            second[1],
            match on_conflict {
                OnConflict::Refuse => Outcome::Refused(differs),
                OnConflict::Skip => Outcome::Skipped(differs),
                OnConflict::Update => Outcome::Updated,
            }
        );
    }
    assert_eq!(all_users(&*store).await, [here]);
    assert_eq!(events(&*store).await, []);
}

/// An import takes no address from another user, in any letters and with any policy, nor from a user of the same batch.
pub async fn an_import_takes_no_address_from_anybody(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let (ann, bob) = (user("Ann@example.org"), user("bob@example.org"));
    add_users(&*store, &[&ann, &bob]).await;
    let policy = Policy { on_conflict: OnConflict::Update, ..Policy::default() };
    let batch = [
        incoming(&user("Ann@example.org")),
        incoming(&user("aNN@example.org")),
        incoming(&User { email: email("ANN@example.org"), ..bob.clone() }),
        incoming(&user("first@example.org")),
        incoming(&user("FIRST@example.org")),
    ];
    let outcomes = imported(&fakes, policy, &batch).await;
    let expected = [
        Outcome::Refused(Problem::EmailTaken(ann.id)),
        Outcome::Refused(Problem::EmailTakenInOtherLetters(ann.id)),
        Outcome::Refused(Problem::EmailTakenInOtherLetters(ann.id)),
        Outcome::Added { without_password: false },
        Outcome::Refused(Problem::EmailTakenInOtherLetters(batch[3].id)),
    ];
    assert_eq!(outcomes, expected);
    assert_same_user(&user_of(&*store, ann.id).await.unwrap(), &ann);
    assert_same_user(&user_of(&*store, bob.id).await.unwrap(), &bob);
}

/// An update that replaces a password or removes a right ends all sessions of that user in the same unit, and of no
/// other user.
pub async fn an_update_ends_the_sessions_of_whom_it_concerns(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let people: Vec<User> = [user_fixture(), user_fixture(), superuser(), superuser(), user_fixture()].into();
    add_users(&*store, &people.iter().collect::<Vec<_>>()).await;
    let sessions: Vec<_> = people.iter().map(fixtures::session_of).collect();
    for session in &sessions {
        add_sessions(&*store, &[session]).await;
    }
    let mut changed = people.clone();
    changed[1].is_active = false;
    changed[2].is_superuser = false;
    changed[4].tier = fixtures::tier("premium");
    changed[4].email = fresh_email();
    let policy = Policy { on_conflict: OnConflict::Update, ..Policy::default() };
    let mut batch: Vec<Incoming> = changed.iter().map(incoming).collect();
    batch[0].password = IncomingPassword::Hash(PasswordHash::from_phc("$plain$v=0$another".to_owned()));
    let outcomes = imported(&fakes, policy, &batch).await;
    use Outcome::{Unchanged, Updated};
    assert_eq!(outcomes, [Updated, Updated, Updated, Unchanged, Updated]);
    let reasons = [
        Some(RevocationReason::PasswordChanged),
        Some(RevocationReason::Deactivated),
        Some(RevocationReason::Demoted),
        None,
        None,
    ];
    for ((session, reason), changed) in sessions.iter().zip(reasons).zip(&changed) {
        let found = session_of(&*store, session.id).await.unwrap();
        assert_eq!(found.revoked.map(|revocation| revocation.reason), reason);
        assert_eq!(live_of(&*store, changed.id).await.len(), usize::from(reason.is_none()));
    }
    for ended in &mut changed[..3] {
        ended.sessions_epoch += 1;
    }
    // A new password, address or right also ends tokens of the legacy service.
    for place in [0, 1, 2, 4] {
        changed[place].credential_version += 1;
    }
    for changed in &changed {
        assert_same_user(&user_of(&*store, changed.id).await.unwrap(), changed);
    }
    let kinds: Vec<AuditEventKind> = events(&*store).await.iter().map(|event| event.kind).collect();
    let count = |kind| kinds.iter().filter(|other| **other == kind).count();
    assert_eq!(count(AuditEventKind::PasswordChanged), 1);
    assert_eq!(count(AuditEventKind::UserDeactivated), 1);
    assert_eq!(count(AuditEventKind::UserUpdated), 3);
}

/// An update never leaves the service without an active superuser, in one batch or in several.
pub async fn the_last_superuser_stays_through_an_import(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let roots = [superuser(), superuser()];
    add_users(&*store, &[&roots[0], &roots[1]]).await;
    let policy = Policy { on_conflict: OnConflict::Update, ..Policy::default() };
    let demoted: Vec<Incoming> =
        roots.iter().map(|root| incoming(&User { is_superuser: false, ..root.clone() })).collect();
    let outcomes = imported(&fakes, policy, &demoted).await;
    let refused = Outcome::Refused(Problem::LastSuperuser(inwren_domain::account::superuser::LastSuperuser));
    assert_eq!(outcomes, [Outcome::Updated, refused.clone()]);
    let inactive = incoming(&User { is_active: false, ..roots[1].clone() });
    assert_eq!(imported(&fakes, policy, &[inactive]).await, [refused]);
    // The import can demote the last superuser if the same batch adds another one.
    let batch = [demoted[1].clone(), incoming(&superuser())];
    let outcomes = imported(&fakes, policy, &batch).await;
    assert_eq!(outcomes, [Outcome::Updated, Outcome::Added { without_password: false }]);
}

/// An import validates password hashes, tiers and ids, and adds users without a password as such.
pub async fn an_import_looks_at_passwords_and_tiers(store: Arc<dyn Store>) {
    use inwren_domain::account::import::{UnknownHash, UnknownTier};
    let fakes = Fakes::over(store.clone());
    let with = |password: IncomingPassword, tier: Option<&str>| Incoming {
        password,
        tier: tier.map(str::to_owned),
        ..incoming(&user_fixture())
    };
    let md5 =
        || IncomingPassword::Hash(PasswordHash::from_phc("5f4dcc3b5aa765d61d8327deb882cf99".to_owned()));
    let batch = [
        with(IncomingPassword::Unsaid, None),
        with(IncomingPassword::None, Some("premium")),
        with(md5(), None),
        with(IncomingPassword::None, Some("gold")),
        with(IncomingPassword::None, Some("Gold Plan")),
        Incoming { id: UserId::from_uuid(Uuid::nil()), ..with(IncomingPassword::None, None) },
    ];
    let without = Outcome::Added { without_password: true };
    let outcomes = imported(&fakes, Policy::default(), &batch).await;
    assert_eq!(outcomes[..2], [without.clone(), without.clone()]);
    let codes: Vec<&str> = outcomes[2..]
        .iter()
        .map(|outcome| match outcome {
            Outcome::Refused(problem) => problem.code(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(codes, ["unknown-hash", "unknown-tier", "unknown-tier", "invalid-id"]);
    let policy =
        Policy { unknown_hash: UnknownHash::Reset, unknown_tier: UnknownTier::Keep, ..Policy::default() };
    let outcomes = imported(&fakes, policy, &batch[2..5]).await;
    assert_eq!(outcomes[..2], [without.clone(), without.clone()]);
    assert_eq!(outcomes[2], Outcome::Refused(Problem::Tier("Gold Plan".to_owned())));
    let policy = Policy { unknown_tier: UnknownTier::Default, ..Policy::default() };
    assert_eq!(imported(&fakes, policy, &batch[4..5]).await, [without]);
    for (incoming, tier) in batch.iter().zip(["free", "premium", "free", "gold", "free"]) {
        let found = user_of(&*store, incoming.id).await.unwrap();
        assert_eq!(password_of(&*store, incoming.id).await, None);
        assert_eq!(found.tier.as_str(), tier);
    }
}

async fn imported(fakes: &Fakes, policy: Policy, batch: &[Incoming]) -> Vec<Outcome> {
    Importer::new(&Destination::from(&fakes.core), policy).batch(batch).await.unwrap()
}

fn incoming(user: &User) -> Incoming {
    Incoming {
        place: format!("user {}", user.id),
        id: user.id,
        email: user.email.clone(),
        password: account(user).password.map_or(IncomingPassword::None, IncomingPassword::Hash),
        is_active: user.is_active,
        is_superuser: user.is_superuser,
        tier: Some(user.tier.as_str().to_owned()),
        created_at: Some(user.created_at),
        updated_at: Some(user.updated_at),
        email_verified_at: None,
        credential_version: Some(user.credential_version),
        factors: Vec::new(),
        recovery_codes: Vec::new(),
    }
}

/// The user with these factors, and two recovery codes.
fn with_factors(user: &User, factors: &[Factor]) -> Incoming {
    let factors = factors.iter().map(|factor| IncomingFactor { factor: factor.clone(), secret: None });
    Incoming {
        factors: factors.collect(),
        recovery_codes: vec![digest(unique()), digest(unique())],
        ..incoming(user)
    }
}

async fn add_factors(store: &dyn Store, new: &[UserFactors]) -> Vec<UserId> {
    in_unit!(store, |unit| unit.transfer().insert_factors(new).await.unwrap())
}

/// The factors and codes of the users, by user, in a snapshot.
async fn snapshot_of(snapshot: &mut dyn UserSnapshot, users: &[UserId]) -> BTreeMap<UserId, UserFactors> {
    let found = snapshot.factors_of(users).await.unwrap();
    found.into_iter().map(|factors| (factors.user, factors)).collect()
}

async fn exported(store: &dyn Store, user: UserId) -> Option<UserFactors> {
    let mut snapshot = store.snapshot().await.unwrap();
    snapshot_of(snapshot.as_mut(), &[user]).await.remove(&user)
}

/// What the store has of a user with these factors and codes.
fn factors_of(user: &User, factors: &[&Factor], codes: &[TokenDigest]) -> UserFactors {
    let mut recovery_codes = codes.to_vec();
    recovery_codes.sort_by_key(|code| *code.as_bytes());
    UserFactors { user: user.id, factors: factors.iter().copied().cloned().collect(), recovery_codes }
}

/// A snapshot has the confirmed factors and the codes of the users that it is asked for, as they were when it was taken.
pub async fn snapshot_has_the_factors_of_its_moment(store: Arc<dyn Store>) {
    let (ann, bob, eve) = (user_fixture(), user_fixture(), user_fixture());
    add_users(&*store, &[&ann, &bob, &eve]).await;
    let first = Factor { created_at: now() - Duration::MINUTE, ..totp_of(&ann) };
    let second = Factor { last_used_at: Some(now()), ..passkey_of(&ann) };
    let mut unconfirmed = totp_of(&bob);
    if let FactorKind::Totp(totp) = &mut unconfirmed.kind {
        totp.is_confirmed = false;
    }
    let of_eve = passkey_of(&eve);
    let codes = [digest(1), digest(2), digest(3)];
    in_unit!(store, |unit| {
        for factor in [&second, &first, &unconfirmed, &of_eve] {
            assert!(unit.factors().insert(factor).await.unwrap());
        }
        unit.factors().replace_recovery_codes(ann.id, &codes).await.unwrap();
    });
    let mut snapshot = store.snapshot().await.unwrap();
    in_unit!(store, |unit| {
        assert_eq!(unit.factors().remove_all(ann.id).await.unwrap(), 2);
        assert!(unit.factors().insert(&totp_of(&bob)).await.unwrap());
    });
    let found = snapshot_of(snapshot.as_mut(), &[bob.id, ann.id, user_id()]).await;
    assert_eq!(found, BTreeMap::from([(ann.id, factors_of(&ann, &[&first, &second], &codes))]));
    assert!(snapshot.factors_of(&[]).await.unwrap().is_empty());
}

/// `insert_factors` adds factors and codes; it MUST skip factors whose id or credential id is taken, and the unit MUST go
/// on.
pub async fn taken_factors_are_skipped_and_the_unit_goes_on(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..5).map(|_| user_fixture()).collect();
    let [ann, bob, carl, dora, emil] = &users[..] else { panic!("five users") };
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let app = Factor { created_at: now() - Duration::MINUTE, ..totp_of(ann) };
    let passkey = passkey_of(ann);
    let whole = factors_of(ann, &[&app, &passkey], &[digest(1), digest(2)]);
    assert_eq!(add_factors(&*store, slice::from_ref(&whole)).await, [ann.id]);

    let same_id = Factor { id: app.id, ..totp_of(bob) };
    let same_credential = Factor { kind: passkey.kind.clone(), ..passkey_of(carl) };
    let mut many: Vec<Factor> = (0..1_100).map(|_| totp_of(dora)).collect();
    many.sort_by_key(|factor| (factor.created_at, factor.id));
    let of_emil = factors_of(emil, &[&passkey_of(emil)], &[digest(1)]);
    let new = [
        factors_of(bob, &[&same_id], &[]),
        factors_of(carl, &[&totp_of(carl), &same_credential], &[digest(1)]),
        factors_of(dora, &many.iter().collect::<Vec<_>>(), &[]),
        of_emil.clone(),
    ];
    assert_eq!(add_factors(&*store, &new).await, [dora.id, emil.id]);
    assert_eq!(exported(&*store, ann.id).await, Some(whole));
    assert_eq!(exported(&*store, dora.id).await.map(|found| found.factors), Some(many));
    assert_eq!(exported(&*store, emil.id).await, Some(of_emil));
}

/// Of several units that insert one credential id concurrently exactly one MUST win, and the others go on.
pub async fn of_many_bulk_inserts_of_one_credential_exactly_one_wins(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..8).map(|_| user_fixture()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let kind = passkey_of(&users[0]).kind;
    let attempts = users.iter().map(|user| {
        let (store, passkey) = (store.clone(), Factor { kind: kind.clone(), ..passkey_of(user) });
        let new = factors_of(user, &[&passkey], &[]);
        async move { add_factors(&*store, &[new]).await.len() }
    });
    let inserted: Vec<usize> = super::support::together(attempts).await;
    assert_eq!(inserted.iter().sum::<usize>(), 1, "{inserted:?}");
}

/// An import gives new users their factors and codes, and leaves those of existing users alone.
pub async fn import_gives_factors_to_new_users_only(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let (ann, bob) = (user_fixture(), user_fixture());
    let mut passkey = passkey_of(&ann);
    passkey.last_used_at = Some(now());
    let of_ann = with_factors(&ann, &[passkey.clone()]);
    let added = Outcome::Added { without_password: false };
    let batch = [of_ann.clone(), incoming(&bob)];
    assert_eq!(imported(&fakes, Policy::default(), &batch).await, [added.clone(), added]);
    let expected = factors_of(&ann, &[&passkey], &of_ann.recovery_codes);
    assert_eq!(exported(&*store, ann.id).await, Some(expected.clone()));
    assert_eq!(user_of(&*store, ann.id).await.unwrap().highest_acr, Acr::Phr);
    assert_eq!(user_of(&*store, bob.id).await.unwrap().highest_acr, Acr::Aal1);

    let inactive = User { is_active: false, ..ann.clone() };
    let update = Policy { on_conflict: OnConflict::Update, ..Policy::default() };
    let others = [with_factors(&ann, &[passkey_of(&ann)]), with_factors(&bob, &[passkey_of(&bob)])];
    for policy in [Policy::default(), update] {
        assert_eq!(imported(&fakes, policy, &others).await, vec![Outcome::Unchanged; 2]);
    }
    assert_eq!(imported(&fakes, update, &[incoming(&inactive)]).await, [Outcome::Updated]);
    assert_eq!(exported(&*store, ann.id).await, Some(expected));
    assert_eq!(user_of(&*store, ann.id).await.unwrap().highest_acr, Acr::Phr);
    assert_eq!(exported(&*store, bob.id).await, None);
}

/// A user with a factor of another user is refused, in one batch or in several, also by a dry run.
pub async fn import_refuses_users_whose_factor_is_taken(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let [ann, bob, carl, dora] = [0; 4].map(|_| user_fixture());
    let passkey = passkey_of(&ann);
    let of = |user: &User| with_factors(user, &[Factor { kind: passkey.kind.clone(), ..passkey_of(user) }]);
    let same_id = with_factors(&dora, &[Factor { id: passkey.id, ..passkey_of(&dora) }]);
    let batches = [vec![with_factors(&ann, slice::from_ref(&passkey)), of(&bob)], vec![of(&carl), same_id]];
    let taken = Outcome::Refused(Problem::FactorTaken);
    for dry_run in [true, false] {
        let destination = Destination::from(&fakes.core);
        let mut importer = Importer::new(&destination, Policy { dry_run, ..Policy::default() });
        let first = importer.batch(&batches[0]).await.unwrap();
        assert_eq!(first, [Outcome::Added { without_password: false }, taken.clone()]);
        assert_eq!(importer.batch(&batches[1]).await.unwrap(), [taken.clone(), taken.clone()]);
    }
    assert_eq!(all_users(&*store).await.len(), 1);
    assert_eq!(events(&*store).await.len(), 1);
    assert!(exported(&*store, ann.id).await.is_some());
}

/// A sealed secret must open with a key of the service, which seals a plain one.
pub async fn import_opens_and_seals_secrets(store: Arc<dyn Store>) {
    const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    let fakes = Fakes::over(store.clone());
    let ann = user_fixture();
    let mut clear = with_factors(&ann, &[totp_of(&ann)]);
    clear.factors[0].secret = ClearSecret::parse(SECRET);
    let mut destination = Destination::from(&fakes.core);
    let keyring = destination.keyring.take().expect("a keyring");
    let batch = slice::from_ref(&clear);
    let outcomes = Importer::new(&destination, Policy::default()).batch(batch).await.unwrap();
    assert_eq!(outcomes, [Outcome::Refused(Problem::SecretKey(KeyringError::Missing))]);
    let added = Outcome::Added { without_password: false };
    assert_eq!(imported(&fakes, Policy::default(), batch).await, slice::from_ref(&added));
    let stored = exported(&*store, ann.id).await.unwrap().factors.remove(0);
    let FactorKind::Totp(totp) = &stored.kind else { panic!("{stored:?}") };
    assert_eq!(totp.key_id, keyring.current());
    assert_eq!(plain_secret(&*keyring, &stored, totp).unwrap().expose(), SECRET);
    assert_eq!(user_of(&*store, ann.id).await.unwrap().highest_acr, Acr::Aal2);

    // The secret is bound to its user and its factor.
    let bob = user_fixture();
    let refused = [
        with_factors(&bob, &[Factor { user_id: bob.id, id: totp_of(&bob).id, ..stored.clone() }]),
        with_factors(&user_fixture(), &[totp_of(&bob)]),
    ];
    let expected = [
        Outcome::Refused(Problem::SecretKey(KeyringError::Sealed(totp.key_id))),
        Outcome::Refused(Problem::SecretKey(KeyringError::Sealed(SecretKeyId::new(u32::MAX)))),
    ];
    assert_eq!(imported(&fakes, Policy::default(), &refused).await, expected);
    in_unit!(store, |unit| assert!(unit.users().delete(ann.id).await.unwrap()));
    let again = with_factors(&ann, slice::from_ref(&stored));
    assert_eq!(imported(&fakes, Policy::default(), &[again]).await, [added]);
    assert_eq!(exported(&*store, ann.id).await.unwrap().factors, [stored]);
}

/// An import bounds the number of factors and codes, their times and their counts.
pub async fn import_bounds_factors(store: Arc<dyn Store>) {
    let fakes = Fakes::over(store.clone());
    let user = user_fixture();
    let passkey = passkey_of(&user);
    let many = |count: usize, factor: fn(&User) -> Factor| {
        with_factors(&user, &(0..count).map(|_| factor(&user)).collect::<Vec<_>>())
    };
    let with_codes = |recovery_codes: Vec<TokenDigest>| Incoming {
        recovery_codes,
        ..with_factors(&user, slice::from_ref(&passkey))
    };
    let mut late_step = totp_of(&user);
    if let FactorKind::Totp(totp) = &mut late_step.kind {
        totp.last_step = 1 << 53;
    }
    let early = now() - Duration::days(40_000);
    for (incoming, field) in [
        (many(11, passkey_of), "factors"),
        (many(4, totp_of), "factors"),
        (with_factors(&user, &[Factor { created_at: early, ..passkey.clone() }]), "factors.created_at"),
        (
            with_factors(&user, &[Factor { last_used_at: Some(early), ..passkey.clone() }]),
            "factors.last_used_at",
        ),
        (with_factors(&user, &[late_step]), "factors.last_step"),
        (with_codes((0..11).map(digest).collect()), "recovery_codes"),
        (with_codes(vec![digest(1), digest(2), digest(1)]), "recovery_codes"),
        (with_factors(&user, &[]), "recovery_codes"),
    ] {
        let outcomes = imported(&fakes, Policy::default(), &[incoming]).await;
        assert_eq!(outcomes, [Outcome::Refused(Problem::OutOfRange(field))]);
    }
    let outcomes = imported(&fakes, Policy::default(), &[many(10, passkey_of)]).await;
    assert_eq!(outcomes, [Outcome::Added { without_password: false }]);
}
