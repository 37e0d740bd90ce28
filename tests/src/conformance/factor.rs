//! `FactorReader` and `FactorRepository`: authenticator apps and passkeys.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::factor::{
    Budget, CoseAlgorithm, CredentialId, Factor, FactorId, FactorKind, FactorName, Passkey, PasskeyUse, Totp,
    UserHandle,
};
use inwren_domain::kernel::UserId;
use inwren_domain::keyring::SecretKeyId;
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{add_users, successes_of_many, together};
use crate::fixtures::{digest, now, passkey_of, totp_of, unique, user_fixture, user_id};

async fn factors_of(store: &dyn Store, user: UserId) -> Vec<Factor> {
    store.read().await.unwrap().factors().of_user(user).await.unwrap()
}

/// The factor as committed.
async fn stored(store: &dyn Store, factor: &Factor) -> Option<Factor> {
    factors_of(store, factor.user_id).await.into_iter().find(|found| found.id == factor.id)
}

async fn by_credential(store: &dyn Store, id: &CredentialId) -> Option<Factor> {
    store.read().await.unwrap().factors().by_credential(id).await.unwrap()
}

async fn add(store: &dyn Store, factors: &[&Factor]) {
    in_unit!(store, |unit| for factor in factors {
        unit.users().lock(factor.user_id).await.unwrap();
        assert!(unit.factors().insert(factor).await.unwrap());
    });
}

// The writes below do not lock the user, so that the store alone decides the races.

async fn confirm(store: &dyn Store, id: FactorId, user: UserId, step: i64) -> bool {
    in_unit!(store, |unit| unit.factors().confirm_totp(id, user, step).await.unwrap())
}

async fn accept(store: &dyn Store, id: FactorId, user: UserId, step: i64, at: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.factors().accept_step(id, user, step, at).await.unwrap())
}

async fn use_passkey(store: &dyn Store, id: FactorId, user: UserId, expected: u32, used: PasskeyUse) -> bool {
    in_unit!(store, |unit| unit.factors().use_passkey(id, user, expected, used, used_at()).await.unwrap())
}

async fn remove(store: &dyn Store, id: FactorId, user: UserId) -> bool {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        unit.factors().remove(id, user).await.unwrap()
    })
}

fn used_at() -> OffsetDateTime {
    now() + Duration::new(60, 1_000)
}

fn used(sign_count: u32) -> PasskeyUse {
    PasskeyUse { sign_count, is_backed_up: false }
}

/// The authenticator app after a change.
fn with_totp(factor: &Factor, change: impl FnOnce(&mut Totp)) -> Factor {
    let mut factor = factor.clone();
    match &mut factor.kind {
        FactorKind::Totp(totp) => change(totp),
        FactorKind::Passkey(_) => panic!("a passkey"),
    }
    factor
}

/// The passkey after a change.
fn with_passkey(factor: &Factor, change: impl FnOnce(&mut Passkey)) -> Factor {
    let mut factor = factor.clone();
    match &mut factor.kind {
        FactorKind::Passkey(passkey) => change(passkey),
        FactorKind::Totp(_) => panic!("an authenticator app"),
    }
    factor
}

/// An authenticator app that is not confirmed.
fn unconfirmed(user: &User) -> Factor {
    with_totp(&totp_of(user), |totp| totp.is_confirmed = false)
}

/// A passkey of the user with this signature counter.
fn counting(user: &User, sign_count: u32) -> Factor {
    with_passkey(&passkey_of(user), |passkey| passkey.sign_count = sign_count)
}

/// A passkey of the user with this credential id.
fn with_credential(user: &User, id: &CredentialId) -> Factor {
    with_passkey(&passkey_of(user), |passkey| passkey.credential_id = id.clone())
}

fn credential_id(factor: &Factor) -> CredentialId {
    factor.passkey().expect("a passkey").credential_id.clone()
}

/// Every field of an inserted factor is read back unchanged.
pub async fn factors_are_read_back_exactly(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user, &user_fixture()]).await;
    let tick = Duration::microseconds;
    let distinct = Factor {
        name: FactorName::parse(&"ü".repeat(FactorName::MAX_CHARS)).ok(),
        created_at: now() + tick(1),
        last_used_at: Some(now() + tick(2)),
        kind: FactorKind::Totp(Totp {
            key_id: SecretKeyId::new(u32::MAX - 1),
            sealed_secret: (0..=255).collect(),
            is_confirmed: true,
            last_step: (1 << 40) + 3,
        }),
        ..totp_of(&user)
    };
    let bare = Factor { name: None, created_at: now() + tick(2), ..unconfirmed(&user) };
    let mut all = vec![distinct, bare];
    for (n, algorithm) in (3..).zip(CoseAlgorithm::ALL) {
        let passkey = Passkey {
            credential_id: CredentialId::new([unique().to_be_bytes().as_slice(), &[0, 255]].concat())
                .unwrap(),
            public_key: (0..=255).rev().cycle().take(526).collect(),
            algorithm,
            sign_count: u32::MAX - n,
            is_backup_eligible: n != 4,
            is_backed_up: n == 3,
            verifies_user: n == 4,
            user_handle: UserHandle::from_bytes(*digest(unique()).as_bytes()),
            transports: ["usb", "hybrid", "internal"].map(str::to_owned).into(),
        };
        let created_at = now() + tick(n.into());
        all.push(Factor { created_at, kind: FactorKind::Passkey(passkey), ..passkey_of(&user) });
    }
    all.push(with_passkey(&Factor { created_at: now() + tick(9), ..counting(&user, 0) }, |passkey| {
        passkey.transports = Vec::new();
    }));
    for factor in &all {
        assert_eq!(stored(&*store, factor).await, None);
        add(&*store, &[factor]).await;
        assert_eq!(stored(&*store, factor).await.as_ref(), Some(factor));
        if let Some(passkey) = factor.passkey() {
            assert_eq!(by_credential(&*store, &passkey.credential_id).await.as_ref(), Some(factor));
        }
    }
    assert_eq!(factors_of(&*store, user.id).await, all);
    assert_eq!(in_unit!(store, |unit| unit.factors().of_user(user.id).await.unwrap()), all);
}

/// `of_user` returns the user's factors, oldest first. A unit sees its own writes.
pub async fn factors_come_oldest_first(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let of_other = totp_of(&other);
    let mut all: Vec<Factor> = (0..12)
        .map(|n| Factor {
            created_at: now() - Duration::microseconds(n / 3),
            ..if n % 2 == 0 { totp_of(&user) } else { passkey_of(&user) }
        })
        .collect();
    add(&*store, &[&of_other]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    for factor in &all {
        assert!(unit.factors().insert(factor).await.unwrap());
    }
    all.sort_by_key(|factor| (factor.created_at, factor.id));
    assert_eq!(unit.factors().of_user(user.id).await.unwrap(), all);
    assert_eq!(factors_of(&*store, user.id).await, []);
    unit.commit().await.unwrap();
    assert_eq!(factors_of(&*store, user.id).await, all);
    assert_eq!(factors_of(&*store, other.id).await, [of_other]);
    assert_eq!(factors_of(&*store, user_id()).await, []);
}

/// `by_credential` compares all bytes of an id.
pub async fn passkeys_are_found_by_credential_id(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut ids: Vec<CredentialId> =
        [&[0_u8][..], &[0, 0], b"a", b"A", b"a\0", &[7; CredentialId::MAX_BYTES]]
            .map(|bytes| CredentialId::new(bytes.to_vec()).expect("a valid id"))
            .into();
    let passkeys: Vec<Factor> = ids.iter().map(|id| with_credential(&user, id)).collect();
    add(&*store, &[&totp_of(&user)]).await;
    add(&*store, &passkeys.iter().collect::<Vec<_>>()).await;
    for (id, passkey) in ids.iter().zip(&passkeys) {
        assert_eq!(by_credential(&*store, id).await.as_ref(), Some(passkey));
    }
    ids = [&[7_u8; CredentialId::MAX_BYTES - 1][..], b"b", &[0, 0, 0]]
        .map(|bytes| CredentialId::new(bytes.to_vec()).expect("a valid id"))
        .into();
    for unknown in &ids {
        assert_eq!(by_credential(&*store, unknown).await, None);
    }
}

/// `sealed_with` returns the apps of all users whose secret the key seals, at most `limit`.
pub async fn apps_are_found_by_their_key(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    // Keys of this case alone.
    let [first, second, unused] =
        [(); 3].map(|()| SecretKeyId::new(u32::MAX - u32::try_from(unique()).unwrap()));
    let sealed = |factor: Factor, key| with_totp(&factor, |totp| totp.key_id = key);
    let apps =
        [sealed(totp_of(&user), first), sealed(unconfirmed(&other), first), sealed(totp_of(&other), second)];
    add(&*store, &apps.iter().chain([&passkey_of(&user)]).collect::<Vec<_>>()).await;
    let find = async |key, limit| {
        let mut view = store.read().await.unwrap();
        let mut found = view.factors().sealed_with(key, limit).await.unwrap();
        found.sort_by_key(|factor| apps.iter().position(|app| app.id == factor.id));
        found
    };
    assert_eq!(find(first, 10).await, apps[..2]);
    assert_eq!(find(first, 1).await.len(), 1);
    assert_eq!(find(second, 10).await, apps[2..]);
    assert_eq!(find(unused, 10).await, []);
}

/// `insert` MUST change nothing and return `false` if any user has the credential id, and the unit goes on.
pub async fn a_credential_id_is_unique_among_users(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (first, free) = (passkey_of(&user), passkey_of(&other));
    let id = credential_id(&first);
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        assert!(unit.factors().insert(&first).await.unwrap());
        assert!(!unit.factors().insert(&with_credential(&user, &id)).await.unwrap());
    });
    in_unit!(store, |unit| {
        unit.users().lock(other.id).await.unwrap();
        assert!(!unit.factors().insert(&with_credential(&other, &id)).await.unwrap());
        assert!(unit.factors().insert(&free).await.unwrap());
    });
    assert_eq!(factors_of(&*store, user.id).await, std::slice::from_ref(&first));
    assert_eq!(factors_of(&*store, other.id).await, [free]);
    assert!(remove(&*store, first.id, user.id).await);
    let next = with_credential(&other, &id);
    add(&*store, &[&next]).await;
    assert_eq!(by_credential(&*store, &id).await, Some(next));
}

/// Of 1,000 concurrent inserts of one credential id, by many users, exactly one MUST return `true`.
pub async fn of_many_inserts_of_a_credential_one_wins(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..100).map(|_| user_fixture()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let id = credential_id(&passkey_of(&users[0]));
    let inserted = together((0..1_000).map(|n| {
        let (store, factor) = (store.clone(), with_credential(&users[n % users.len()], &id));
        async move {
            let inserted = in_unit!(store, |unit| unit.factors().insert(&factor).await.unwrap());
            inserted.then_some(factor)
        }
    }));
    let winners: Vec<Factor> = inserted.await.into_iter().flatten().collect();
    assert_eq!(winners.len(), 1);
    assert_eq!(by_credential(&*store, &id).await.as_ref(), Some(&winners[0]));
    for user in &users {
        let expected: Vec<Factor> =
            winners.iter().filter(|winner| winner.user_id == user.id).cloned().collect();
        assert_eq!(factors_of(&*store, user.id).await, expected);
    }
}

/// `confirm_totp` confirms an app once. For another user, or no unconfirmed app, it MUST change nothing.
pub async fn an_app_is_confirmed_once(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (app, second) = (unconfirmed(&user), unconfirmed(&user));
    let (confirmed, passkey) = (totp_of(&user), passkey_of(&user));
    let all = [&app, &second, &confirmed, &passkey];
    add(&*store, &all).await;
    for (id, user) in [
        (app.id, other.id),
        (app.id, user_id()),
        (confirmed.id, user.id),
        (passkey.id, user.id),
        (totp_of(&user).id, user.id),
    ] {
        assert!(!confirm(&*store, id, user, 9).await);
    }
    for untouched in all {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
    assert!(confirm(&*store, app.id, user.id, 9).await);
    assert!(!confirm(&*store, app.id, user.id, 10).await);
    let expected = with_totp(&app, |totp| (totp.is_confirmed, totp.last_step) = (true, 9));
    assert_eq!(stored(&*store, &app).await, Some(expected));
    for untouched in [&second, &confirmed, &passkey] {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
}

/// Of 1,000 concurrent confirmations exactly one MUST return `true`.
pub async fn of_many_confirmations_exactly_one_wins(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let app = unconfirmed(&user);
    add(&*store, &[&app]).await;
    let confirmed = successes_of_many(|| {
        let (store, id, user) = (store.clone(), app.id, user.id);
        async move { confirm(&*store, id, user, 9).await }
    });
    assert_eq!(confirmed.await, 1);
    let expected = with_totp(&app, |totp| (totp.is_confirmed, totp.last_step) = (true, 9));
    assert_eq!(stored(&*store, &app).await, Some(expected));
}

/// `accept_step` accepts each step once, and no earlier one. Otherwise it MUST change nothing.
pub async fn a_step_is_accepted_once(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let app = with_totp(&totp_of(&user), |totp| totp.last_step = 100);
    let (second, open, passkey) = (totp_of(&user), unconfirmed(&user), passkey_of(&user));
    add(&*store, &[&app, &second, &open, &passkey]).await;
    for (id, user, step) in [
        (app.id, user.id, 100),
        (app.id, user.id, 99),
        (app.id, user.id, -1),
        (app.id, other.id, 101),
        (app.id, user_id(), 101),
        (open.id, user.id, 101),
        (passkey.id, user.id, 101),
        (totp_of(&user).id, user.id, 101),
    ] {
        assert!(!accept(&*store, id, user, step, used_at()).await, "{step}");
    }
    for untouched in [&app, &second, &open, &passkey] {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
    for (n, step, is_accepted) in [(1, 101, true), (2, 101, false), (3, (1 << 40) + 3, true), (4, 102, false)]
    {
        let before = stored(&*store, &app).await.unwrap();
        let at = now() + Duration::new(n, 1_000);
        assert_eq!(accept(&*store, app.id, user.id, step, at).await, is_accepted, "{step}");
        let accepted = Factor { last_used_at: Some(at), ..with_totp(&before, |totp| totp.last_step = step) };
        let expected = if is_accepted { accepted } else { before };
        assert_eq!(stored(&*store, &app).await, Some(expected));
    }
    for untouched in [&second, &open, &passkey] {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
}

/// Of 1,000 concurrent calls with one step exactly one MUST return `true`.
pub async fn of_many_callers_with_a_step_one_wins(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let app = totp_of(&user);
    add(&*store, &[&app]).await;
    for step in [7, 8] {
        let accepted = successes_of_many(|| {
            let (store, id, user) = (store.clone(), app.id, user.id);
            async move { accept(&*store, id, user, step, used_at()).await }
        });
        assert_eq!(accepted.await, 1);
        let expected =
            Factor { last_used_at: Some(used_at()), ..with_totp(&app, |totp| totp.last_step = step) };
        assert_eq!(stored(&*store, &app).await, Some(expected));
    }
}

/// `use_passkey` stores a use from the expected counter. Otherwise it MUST change nothing.
pub async fn a_passkey_is_used_from_the_expected_count(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (passkey, second, app) = (counting(&user, 5), counting(&user, 5), totp_of(&user));
    add(&*store, &[&passkey, &second, &app]).await;
    for (id, user, expected) in [
        (passkey.id, user.id, 4),
        (passkey.id, user.id, 6),
        (passkey.id, other.id, 5),
        (passkey.id, user_id(), 5),
        (app.id, user.id, 0),
        (passkey_of(&user).id, user.id, 5),
    ] {
        assert!(!use_passkey(&*store, id, user, expected, used(9)).await, "{expected}");
    }
    assert_eq!(stored(&*store, &passkey).await.as_ref(), Some(&passkey));
    for (expected, sign_count, is_backed_up) in [(5, 6, true), (6, u32::MAX, false), (u32::MAX, 0, true)] {
        let used = PasskeyUse { sign_count, is_backed_up };
        assert!(use_passkey(&*store, passkey.id, user.id, expected, used).await, "{expected}");
        let state = with_passkey(&passkey, |passkey| {
            (passkey.sign_count, passkey.is_backed_up) = (sign_count, is_backed_up);
        });
        assert_eq!(stored(&*store, &passkey).await, Some(Factor { last_used_at: Some(used_at()), ..state }));
    }
    // An authenticator without a counter always reports zero.
    assert!(use_passkey(&*store, passkey.id, user.id, 0, used(0)).await);
    assert!(use_passkey(&*store, passkey.id, user.id, 0, used(0)).await);
    for untouched in [&second, &app] {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
}

/// Of 1,000 concurrent uses from one counter exactly one MUST return `true`.
pub async fn of_many_uses_of_a_count_one_wins(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let passkey = counting(&user, 5);
    add(&*store, &[&passkey]).await;
    let uses = together((0..1_000).map(|n| {
        let (store, id, user, sign_count) = (store.clone(), passkey.id, user.id, 6 + n);
        async move { use_passkey(&*store, id, user, 5, used(sign_count)).await.then_some(sign_count) }
    }));
    let stored_counts: Vec<u32> = uses.await.into_iter().flatten().collect();
    assert_eq!(stored_counts.len(), 1);
    let state = with_passkey(&passkey, |passkey| passkey.sign_count = stored_counts[0]);
    assert_eq!(stored(&*store, &passkey).await, Some(Factor { last_used_at: Some(used_at()), ..state }));
}

/// `rename` renames a factor of the user, and no other.
pub async fn factors_are_renamed(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (app, bystander) = (Factor { name: None, ..totp_of(&user) }, totp_of(&user));
    let passkey = passkey_of(&user);
    add(&*store, &[&app, &passkey, &bystander]).await;
    let name = FactorName::parse("Schlüssel \u{1f511} 'quoted\"").unwrap();
    let rename = async |id, user| {
        in_unit!(store, |unit| {
            unit.users().lock(user).await.unwrap();
            unit.factors().rename(id, user, &name).await.unwrap()
        })
    };
    for factor in [&app, &passkey] {
        assert!(!rename(factor.id, other.id).await);
        assert!(!rename(factor.id, user_id()).await);
        assert_eq!(stored(&*store, factor).await.as_ref(), Some(factor));
        assert!(rename(factor.id, user.id).await);
        let expected = Factor { name: Some(name.clone()), ..factor.clone() };
        assert_eq!(stored(&*store, factor).await, Some(expected));
    }
    assert!(!rename(totp_of(&user).id, user.id).await);
    assert_eq!(stored(&*store, &bystander).await, Some(bystander));
}

/// `remove` removes a factor of the user, and no other.
pub async fn factors_are_removed(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (app, passkey, kept) = (totp_of(&user), passkey_of(&user), passkey_of(&user));
    add(&*store, &[&app, &passkey, &kept]).await;
    for factor in [&app, &passkey] {
        assert!(!remove(&*store, factor.id, other.id).await);
        assert_eq!(stored(&*store, factor).await.as_ref(), Some(factor));
        assert!(remove(&*store, factor.id, user.id).await);
        assert!(!remove(&*store, factor.id, user.id).await);
        assert_eq!(stored(&*store, factor).await, None);
    }
    assert_eq!(by_credential(&*store, &credential_id(&passkey)).await, None);
    assert_eq!(factors_of(&*store, user.id).await, [kept]);
}

/// `remove_unconfirmed` removes the user's apps that are not confirmed, and no other factor.
pub async fn unconfirmed_apps_are_removed(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let later = now() + Duration::MICROSECOND;
    let (app, passkey) = (totp_of(&user), Factor { created_at: later, ..passkey_of(&user) });
    let of_other = unconfirmed(&other);
    add(&*store, &[&app, &passkey, &unconfirmed(&user), &unconfirmed(&user), &of_other]).await;
    for _ in 0..2 {
        in_unit!(store, |unit| {
            unit.users().lock(user.id).await.unwrap();
            unit.factors().remove_unconfirmed(user.id).await.unwrap();
        });
        assert_eq!(factors_of(&*store, user.id).await, [app.clone(), passkey.clone()]);
    }
    assert_eq!(factors_of(&*store, other.id).await, [of_other]);
}

/// `remove_all` removes the user's factors, recovery codes and budgets, and counts the factors.
pub async fn all_factors_of_a_user_are_removed(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (app, open, passkey) = (totp_of(&user), unconfirmed(&user), passkey_of(&user));
    let of_other = passkey_of(&other);
    add(&*store, &[&app, &open, &passkey, &of_other]).await;
    for user in [&user, &other] {
        add_codes(&*store, user.id).await;
    }
    let remove_all = async || {
        in_unit!(store, |unit| {
            unit.users().lock(user.id).await.unwrap();
            unit.factors().remove_all(user.id).await.unwrap()
        })
    };
    assert_eq!((remove_all().await, remove_all().await), (3, 0));
    assert_nothing_left(&*store, user.id).await;
    assert_eq!(factors_of(&*store, other.id).await, [of_other]);
    assert_eq!(codes_of(&*store, other.id).await, (2, Budget::ALL.len()));
}

/// `reseal` replaces the sealed secret that is expected. Otherwise it MUST change nothing.
pub async fn a_secret_is_resealed_from_the_expected_one(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let sealed = |bytes: &[u8]| with_totp(&totp_of(&user), |totp| totp.sealed_secret = bytes.to_vec());
    let (app, same, passkey) = (sealed(&[1, 0, 2]), sealed(&[1, 0, 2]), passkey_of(&user));
    add(&*store, &[&app, &same, &passkey]).await;
    let key = SecretKeyId::new(9);
    let reseal = async |id, expected: &[u8]| {
        in_unit!(store, |unit| unit.factors().reseal(id, expected, key, &[3; 48]).await.unwrap())
    };
    for expected in [&[1, 0][..], &[1, 0, 2, 0], &[], &[3; 48]] {
        assert!(!reseal(app.id, expected).await, "{expected:?}");
    }
    assert!(!reseal(passkey.id, &[1, 0, 2]).await);
    assert!(!reseal(totp_of(&user).id, &[1, 0, 2]).await);
    assert_eq!(stored(&*store, &app).await.as_ref(), Some(&app));
    assert!(reseal(app.id, &[1, 0, 2]).await);
    assert!(!reseal(app.id, &[1, 0, 2]).await);
    let expected = with_totp(&app, |totp| (totp.key_id, totp.sealed_secret) = (key, vec![3; 48]));
    assert_eq!(stored(&*store, &app).await, Some(expected));
    for untouched in [&same, &passkey] {
        assert_eq!(stored(&*store, untouched).await.as_ref(), Some(untouched));
    }
}

/// The deletion of a user MUST delete the user's factors, recovery codes and budgets.
pub async fn deleted_users_have_no_factors(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (app, open, passkey) = (totp_of(&user), unconfirmed(&user), passkey_of(&user));
    let of_other = totp_of(&other);
    add(&*store, &[&app, &open, &passkey, &of_other]).await;
    for user in [&user, &other] {
        add_codes(&*store, user.id).await;
    }
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_nothing_left(&*store, user.id).await;
    assert_eq!(by_credential(&*store, &credential_id(&passkey)).await, None);
    assert_eq!(factors_of(&*store, other.id).await, [of_other]);
    assert_eq!(codes_of(&*store, other.id).await, (2, Budget::ALL.len()));
    // A user with the same id gets none of it, and the credential id is free.
    add_users(&*store, &[&user]).await;
    assert_nothing_left(&*store, user.id).await;
    add(&*store, &[&with_credential(&other, &credential_id(&passkey))]).await;
}

/// The writes of a unit without a commit are undone.
pub async fn a_rollback_keeps_the_factors(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let later = now() + Duration::MICROSECOND;
    let (app, passkey) = (totp_of(&user), Factor { created_at: later, ..counting(&user, 5) });
    add(&*store, &[&app, &passkey]).await;
    let added = passkey_of(&user);
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    assert!(unit.factors().insert(&added).await.unwrap());
    assert!(unit.factors().accept_step(app.id, user.id, 7, used_at()).await.unwrap());
    assert!(unit.factors().use_passkey(passkey.id, user.id, 5, used(6), used_at()).await.unwrap());
    unit.rollback().await.unwrap();
    assert_eq!(factors_of(&*store, user.id).await, [app.clone(), passkey.clone()]);
    assert_eq!(by_credential(&*store, &credential_id(&added)).await, None);
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    assert_eq!(unit.factors().remove_all(user.id).await.unwrap(), 2);
    drop(unit);
    assert_eq!(factors_of(&*store, user.id).await, [app, passkey]);
    add(&*store, &[&added]).await;
}

/// Gives the user two recovery codes, and takes a code from each budget.
async fn add_codes(store: &dyn Store, user: UserId) {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        let digests = [digest(unique()), digest(unique())];
        unit.factors().replace_recovery_codes(user, &digests).await.unwrap();
        for budget in Budget::ALL {
            assert!(unit.factors().take_code(user, budget, now()).await.unwrap().is_some());
        }
    });
}

/// The numbers of recovery codes and of budgets from which something was taken.
async fn codes_of(store: &dyn Store, user: UserId) -> (u64, usize) {
    let mut view = store.read().await.unwrap();
    let codes = view.factors().recovery_codes_left(user).await.unwrap();
    (codes, view.factors().budgets(user).await.unwrap().len())
}

async fn assert_nothing_left(store: &dyn Store, user: UserId) {
    assert_eq!(factors_of(store, user).await, []);
    assert_eq!(codes_of(store, user).await, (0, 0));
}
