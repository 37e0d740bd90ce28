//! `AuthorizationCodeReader`, `AuthorizationCodeRepository`, `ConsentReader` and `ConsentRepository`.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::client::{Client, Scope};
use inwren_domain::provider::{AuthorizationCode, AuthorizationCodeId, Consent};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, second_unit, successes_of_many, together};
use crate::fixtures::{self, application, authorization_code, now, scope, user_fixture};

const TICK: Duration = Duration::MICROSECOND;

/// A stored user and a stored application.
async fn added(store: &dyn Store) -> (User, Client) {
    let (user, client) = (user_fixture(), application("an application"));
    add_users(store, &[&user]).await;
    add_clients(store, &[&client]).await;
    (user, client)
}

async fn add_clients(store: &dyn Store, clients: &[&Client]) {
    in_unit!(store, |unit| for client in clients {
        assert!(unit.clients().insert(client).await.unwrap());
    });
}

async fn add(store: &dyn Store, codes: &[&AuthorizationCode]) {
    in_unit!(store, |unit| for code in codes {
        unit.authorization_codes().insert(code).await.unwrap();
    });
}

/// The code as committed.
async fn stored(store: &dyn Store, code: &AuthorizationCode) -> Option<AuthorizationCode> {
    store.read().await.unwrap().authorization_codes().by_digest(&code.digest).await.unwrap()
}

async fn spend(store: &dyn Store, id: AuthorizationCodeId, now: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.authorization_codes().spend(id, now).await.unwrap())
}

async fn count_wrong(store: &dyn Store, id: AuthorizationCodeId) {
    in_unit!(store, |unit| unit.authorization_codes().count_wrong(id).await.unwrap());
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.authorization_codes().sweep(before, limit).await.unwrap())
}

async fn put(store: &dyn Store, consent: &Consent) {
    in_unit!(store, |unit| {
        unit.users().lock(consent.user_id).await.unwrap();
        unit.consents().put(consent).await.unwrap();
    });
}

async fn delete_consent(store: &dyn Store, user: &User, client: &Client) -> bool {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.consents().delete(user.id, client.uid).await.unwrap()
    })
}

/// The consent as committed.
async fn consent_of(store: &dyn Store, user: &User, client: &Client) -> Option<Consent> {
    store.read().await.unwrap().consents().of(user.id, client.uid).await.unwrap()
}

async fn consents_of(store: &dyn Store, user: &User) -> Vec<Consent> {
    store.read().await.unwrap().consents().of_user(user.id).await.unwrap()
}

/// Every field of an inserted code is read back unchanged, expired or spent or not.
pub async fn codes_are_read_back_exactly(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let fresh = || authorization_code(&user, &client);
    let bare = AuthorizationCode {
        nonce: None,
        scope: Scope::default(),
        resource: None,
        id_token_claims: Vec::new(),
        attempts_left: 0,
        ..fresh()
    };
    let spent = AuthorizationCode { spent_at: Some(now() + TICK), ..fresh() };
    let expired = AuthorizationCode { expires_at: now() - Duration::DAY, ..fresh() };
    for code in [fresh(), bare, spent, expired] {
        assert_eq!(stored(&*store, &code).await, None);
        add(&*store, &[&code]).await;
        assert_eq!(stored(&*store, &code).await, Some(code));
    }
}

/// `spend` records when a valid code was spent, once. After its expiry it MUST change nothing.
pub async fn a_valid_code_is_spent_once(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let (code, other) = (authorization_code(&user, &client), authorization_code(&user, &client));
    add(&*store, &[&code, &other]).await;
    let last = code.expires_at - TICK;
    assert!(!spend(&*store, authorization_code(&user, &client).id, now()).await);
    assert!(!spend(&*store, code.id, code.expires_at).await);
    assert_eq!(stored(&*store, &code).await.as_ref(), Some(&code));
    assert!(spend(&*store, code.id, last).await);
    let spent = AuthorizationCode { spent_at: Some(last), ..code };
    assert_eq!(stored(&*store, &spent).await.as_ref(), Some(&spent));
    assert!(!spend(&*store, spent.id, now()).await);
    assert_eq!(stored(&*store, &spent).await.as_ref(), Some(&spent));
    assert_eq!(stored(&*store, &other).await, Some(other));
}

/// Of 1,000 concurrent calls that spend a code exactly one MUST return `true`.
pub async fn of_many_spenders_exactly_one_wins(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let code = authorization_code(&user, &client);
    add(&*store, &[&code]).await;
    let spent = successes_of_many(|| {
        let (store, id) = (store.clone(), code.id);
        async move { spend(&*store, id, now()).await }
    });
    assert_eq!(spent.await, 1);
    let expected = AuthorizationCode { spent_at: Some(now()), ..code };
    assert_eq!(stored(&*store, &expected).await.as_ref(), Some(&expected));
}

/// `count_wrong` counts down, and a code without attempts left MUST NOT be spent.
pub async fn wrong_presentations_end_a_code(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let (code, other) = (authorization_code(&user, &client), authorization_code(&user, &client));
    add(&*store, &[&code, &other]).await;
    count_wrong(&*store, authorization_code(&user, &client).id).await;
    for attempts_left in (0..AuthorizationCode::ATTEMPTS).rev() {
        count_wrong(&*store, code.id).await;
        let expected = AuthorizationCode { attempts_left, ..code.clone() };
        assert_eq!(stored(&*store, &code).await, Some(expected));
    }
    let used_up = AuthorizationCode { attempts_left: 0, ..code };
    count_wrong(&*store, used_up.id).await;
    assert!(!spend(&*store, used_up.id, now()).await);
    assert_eq!(stored(&*store, &used_up).await.as_ref(), Some(&used_up));
    assert_eq!(stored(&*store, &other).await.as_ref(), Some(&other));
    assert!(spend(&*store, other.id, now()).await);
}

/// A code that is added, counted or spent in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_code(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let code = authorization_code(&user, &client);
    let mut unit = store.begin().await.unwrap();
    unit.authorization_codes().insert(&code).await.unwrap();
    assert_eq!(stored(&*store, &code).await, None);
    unit.rollback().await.unwrap();
    assert_eq!(stored(&*store, &code).await, None);
    add(&*store, &[&code]).await;
    let mut unit = store.begin().await.unwrap();
    unit.authorization_codes().count_wrong(code.id).await.unwrap();
    assert!(unit.authorization_codes().spend(code.id, now()).await.unwrap());
    assert!(!unit.authorization_codes().spend(code.id, now()).await.unwrap());
    drop(unit);
    assert_eq!(stored(&*store, &code).await.as_ref(), Some(&code));
    assert!(spend(&*store, code.id, now()).await);
}

/// A sweep deletes codes that expired before a time, spent or not, at most `limit` of them.
pub async fn a_sweep_deletes_expired_codes(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let expiring = |seconds: i64| AuthorizationCode {
        expires_at: now() + Duration::seconds(seconds),
        spent_at: (seconds % 2 == 0).then(now),
        ..authorization_code(&user, &client)
    };
    let all: Vec<AuthorizationCode> = (0..6).map(expiring).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[4].expires_at;
    assert_eq!(sweep(&*store, before, 3).await, 3);
    assert_eq!(sweep(&*store, before, 3).await, 1);
    assert_eq!(sweep(&*store, before, 3).await, 0);
    for code in &all[..4] {
        assert_eq!(stored(&*store, code).await, None);
    }
    for kept in &all[4..] {
        assert_eq!(stored(&*store, kept).await.as_ref(), Some(kept));
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each code.
pub async fn concurrent_sweeps_count_each_code_once(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    for _ in 0..ROUNDS {
        let all: Vec<AuthorizationCode> = (0..20).map(|_| authorization_code(&user, &client)).collect();
        add(&*store, &all.iter().collect::<Vec<_>>()).await;
        let before = all[0].expires_at + TICK;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, before, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, before, 20).await, 20);
    }
}

/// In a store with several writers, a sweep MUST skip what another one is deleting, and not wait for it.
pub async fn a_sweep_skips_what_another_deletes(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let all: Vec<AuthorizationCode> = (0..10).map(|_| authorization_code(&user, &client)).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[0].expires_at + TICK;
    let mut first = store.begin().await.unwrap();
    assert_eq!(first.authorization_codes().sweep(before, 7).await.unwrap(), 7);
    if let Some(mut second) = second_unit(&*store).await {
        assert_eq!(second.authorization_codes().sweep(before, 7).await.unwrap(), 3);
        second.commit().await.unwrap();
    }
    first.commit().await.unwrap();
    sweep(&*store, before, 7).await;
    for code in &all {
        assert_eq!(stored(&*store, code).await, None);
    }
}

/// The deletion of a user MUST delete the user's codes and consents, and no others.
pub async fn deleted_users_have_no_codes_and_consents(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let other = user_fixture();
    add_users(&*store, &[&other]).await;
    let codes = [&user, &other].map(|user| authorization_code(user, &client));
    add(&*store, &codes.iter().collect::<Vec<_>>()).await;
    for user in [&user, &other] {
        put(&*store, &fixtures::consent(user, &client)).await;
    }
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_eq!(stored(&*store, &codes[0]).await, None);
    assert_eq!(consents_of(&*store, &user).await, []);
    assert_eq!(stored(&*store, &codes[1]).await.as_ref(), Some(&codes[1]));
    assert_eq!(consents_of(&*store, &other).await, [fixtures::consent(&other, &client)]);
}

/// Consents are read back unchanged, those of a user in the order of their creation.
pub async fn consents_come_in_order_of_creation(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let clients = ["one", "two", "three"].map(application);
    add_clients(&*store, &clients.iter().collect::<Vec<_>>()).await;
    let at = |client: &Client, micros: i32| Consent {
        created_at: now() + TICK * micros,
        updated_at: now() + TICK * (10 - micros),
        ..fixtures::consent(&user, client)
    };
    let [first, second, third] = [at(&clients[2], 1), at(&clients[0], 2), at(&clients[1], 3)];
    let of_other = Consent { scope: scope("openid"), ..fixtures::consent(&other, &clients[0]) };
    assert_eq!(consents_of(&*store, &user).await, []);
    for consent in [&third, &of_other, &first, &second] {
        put(&*store, consent).await;
    }
    assert_eq!(consent_of(&*store, &user, &clients[0]).await.as_ref(), Some(&second));
    assert_eq!(consent_of(&*store, &other, &clients[1]).await, None);
    assert_eq!(consents_of(&*store, &user).await, [first, second, third]);
    assert_eq!(consents_of(&*store, &other).await, [of_other]);
}

/// `put` gives an existing consent the new scope and time of change. It MUST keep the time of creation.
pub async fn a_later_consent_keeps_its_creation(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let first = fixtures::consent(&user, &client);
    put(&*store, &first).await;
    let at = now() + Duration::HOUR;
    let wider = Consent { scope: scope("openid email a:b"), created_at: at, updated_at: at, ..first.clone() };
    put(&*store, &wider).await;
    let expected = Consent { created_at: first.created_at, ..wider };
    assert_eq!(consents_of(&*store, &user).await, [expected]);
}

/// Concurrent consents of a user to one application leave one.
pub async fn of_many_consents_one_is_left(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let puts = (0..8).map(|n| {
        let at = now() + Duration::seconds(n);
        let consent = Consent { created_at: at, updated_at: at, ..fixtures::consent(&user, &client) };
        let store = store.clone();
        async move { put(&*store, &consent).await }
    });
    together(puts).await;
    assert_eq!(consents_of(&*store, &user).await.len(), 1);
}

/// `delete` deletes the consent to this application. If there is none, it MUST return `false`.
pub async fn a_consent_is_deleted_once(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let other = application("other");
    add_clients(&*store, &[&other]).await;
    for client in [&client, &other] {
        put(&*store, &fixtures::consent(&user, client)).await;
    }
    assert!(!delete_consent(&*store, &user_fixture(), &client).await);
    assert!(!delete_consent(&*store, &user, &application("unknown")).await);
    assert!(delete_consent(&*store, &user, &client).await);
    assert!(!delete_consent(&*store, &user, &client).await);
    assert_eq!(consent_of(&*store, &user, &client).await, None);
    assert_eq!(consents_of(&*store, &user).await, [fixtures::consent(&user, &other)]);
}

/// A consent that is given or withdrawn in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_consent(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let consent = fixtures::consent(&user, &client);
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    unit.consents().put(&consent).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(consent_of(&*store, &user, &client).await, None);
    put(&*store, &consent).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    assert!(unit.consents().delete(user.id, client.uid).await.unwrap());
    drop(unit);
    assert_eq!(consent_of(&*store, &user, &client).await, Some(consent));
}
