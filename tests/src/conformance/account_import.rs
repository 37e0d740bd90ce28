//! `UserSnapshot`, `UserTransfer` and `AuditLog::record_all`, and the import rules that use them.

use std::collections::BTreeSet;
use std::sync::Arc;

use inwren_domain::account::import::{
    Destination, Importer, Incoming, IncomingPassword, OnConflict, Outcome, Policy, Problem,
};
use inwren_domain::account::{Tier, User};
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::UserId;
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
    self, account, email, event, fresh_email, now, superuser, user, user_fixture, user_id,
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
    }
}
