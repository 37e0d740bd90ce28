//! `ClientReader` and `ClientRepository`.

use std::sync::Arc;

use inwren_domain::client::{Client, ClientId, ClientSecret, ClientSettings, ClientState};
use inwren_domain::kernel::{PageRequest, TokenDigest};
use inwren_domain::provider::{AuthorizationCode, Consent};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, second_unit, successes_of_many, together};
use crate::fixtures::{
    application, authorization_code, client_secret, consent, digest, distinct_application, now,
    service_client, unique, user_fixture,
};

const TICK: Duration = Duration::MICROSECOND;

async fn add(store: &dyn Store, clients: &[&Client]) {
    in_unit!(store, |unit| for client in clients {
        assert!(unit.clients().insert(client).await.unwrap());
    });
}

async fn insert(store: &dyn Store, client: &Client) -> bool {
    in_unit!(store, |unit| unit.clients().insert(client).await.unwrap())
}

async fn update(store: &dyn Store, client: &Client) -> bool {
    in_unit!(store, |unit| {
        unit.clients().lock(client.uid).await.unwrap();
        unit.clients().update(client).await.unwrap()
    })
}

async fn delete(store: &dyn Store, client: &Client) -> bool {
    in_unit!(store, |unit| unit.clients().delete(client.uid).await.unwrap())
}

/// The client as committed, by either id.
async fn stored(store: &dyn Store, client: &Client) -> Option<Client> {
    let mut view = store.read().await.unwrap();
    let by_uid = view.clients().by_uid(client.uid).await.unwrap();
    assert_eq!(view.clients().by_id(&client.id).await.unwrap(), by_uid);
    by_uid
}

async fn all(store: &dyn Store) -> Vec<Client> {
    store.read().await.unwrap().clients().all().await.unwrap()
}

async fn secrets(store: &dyn Store, client: &Client) -> Vec<ClientSecret> {
    store.read().await.unwrap().clients().secrets(client.uid).await.unwrap()
}

async fn add_secrets(store: &dyn Store, client: &Client, secrets: &[&ClientSecret]) {
    in_unit!(store, |unit| {
        unit.clients().lock(client.uid).await.unwrap();
        for secret in secrets {
            unit.clients().insert_secret(secret).await.unwrap();
        }
    });
}

async fn use_assertion(
    store: &dyn Store,
    client: &Client,
    digest: &TokenDigest,
    expires_at: OffsetDateTime,
) -> bool {
    in_unit!(store, |unit| unit.clients().use_assertion(client.uid, digest, expires_at).await.unwrap())
}

/// Whether the client has used the assertion. It changes nothing.
async fn is_used(store: &dyn Store, client: &Client, digest: &TokenDigest) -> bool {
    let mut unit = store.begin().await.unwrap();
    let is_first = unit.clients().use_assertion(client.uid, digest, now()).await.unwrap();
    unit.rollback().await.unwrap();
    !is_first
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.clients().sweep_assertions(before, limit).await.unwrap())
}

/// Records `count` assertions of the client that expire [now], and returns their digests.
async fn used_assertions(store: &dyn Store, client: &Client, count: usize) -> Vec<TokenDigest> {
    let digests: Vec<TokenDigest> = (0..count).map(|_| digest(unique())).collect();
    in_unit!(store, |unit| for digest in &digests {
        assert!(unit.clients().use_assertion(client.uid, digest, now()).await.unwrap());
    });
    digests
}

/// Every field of an inserted client is read back unchanged, by either id.
pub async fn clients_are_read_back_exactly(store: Arc<dyn Store>) {
    let named = Client { id: ClientId::parse("My-app_1.0~").unwrap(), ..application("Ünïcode 🦀") };
    for client in [service_client("billing"), named, distinct_application("reports")] {
        assert_eq!(stored(&*store, &client).await, None);
        add(&*store, &[&client]).await;
        assert_eq!(stored(&*store, &client).await, Some(client));
    }
}

/// `all` returns the clients in the order of their creation.
pub async fn clients_come_in_order_of_creation(store: Arc<dyn Store>) {
    let at = |micros: i32, name: &str| Client { created_at: now() + TICK * micros, ..service_client(name) };
    let (first, second, third) = (at(1, "c"), at(2, "a"), at(3, "b"));
    assert_eq!(all(&*store).await, []);
    add(&*store, &[&third, &first, &second]).await;
    assert_eq!(all(&*store).await, [first, second, third]);
}

/// Pages MUST come in the order of the ids, bytewise, and contain each client once.
pub async fn pages_come_in_order_of_ids(store: Arc<dyn Store>) {
    let ids = ["-a", ".a", "0", "1", "10", "A", "Zz", "_", "a", "a-", "aa", "z", "~"];
    let named = |id: &str| Client {
        id: ClientId::parse(id).unwrap(),
        ..service_client(&format!("service {}", unique()))
    };
    let expected: Vec<Client> = ids.map(named).into();
    add(&*store, &expected.iter().rev().collect::<Vec<_>>()).await;
    for limit in [1, 2, 12, 13, 14] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let request = PageRequest::new(limit, after);
            let page = store.read().await.unwrap().clients().page(request).await.unwrap();
            assert!(page.items.len() <= usize::from(limit));
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, expected, "{limit} on a page");
    }
    // A cursor is a position and not a client.
    let missing = Some(ClientId::parse("AA").unwrap());
    let page = store.read().await.unwrap().clients().page(PageRequest::new(1, missing)).await.unwrap();
    assert_eq!(page.items, [expected[6].clone()]);
}

/// `insert` MUST change nothing and return `false` if another client has the id or the name. The unit goes on.
pub async fn ids_and_names_are_given_once(store: Arc<dyn Store>) {
    let first = service_client("billing");
    add(&*store, &[&first]).await;
    let (same_name, same_id) =
        (service_client("billing"), Client { id: first.id.clone(), ..service_client("reports") });
    let other_case = Client {
        id: ClientId::parse(&first.id.as_str().to_uppercase()).unwrap(),
        ..service_client("Billing")
    };
    let mut unit = store.begin().await.unwrap();
    assert!(!unit.clients().insert(&same_name).await.unwrap());
    assert!(!unit.clients().insert(&same_id).await.unwrap());
    assert!(unit.clients().insert(&other_case).await.unwrap());
    unit.commit().await.unwrap();
    assert_eq!(all(&*store).await.len(), 2);
    assert_eq!(stored(&*store, &first).await, Some(first));
}

/// Of concurrent inserts of one id or one name exactly one MUST succeed.
pub async fn of_many_inserts_exactly_one_wins(store: Arc<dyn Store>) {
    let insert_one = |client: Client| {
        let store = store.clone();
        async move { insert(&*store, &client).await }
    };
    let same_name = together((0..8).map(|_| insert_one(service_client("billing")))).await;
    let id = service_client("a name").id;
    let same_id = together(
        (0..8).map(|n| insert_one(Client { id: id.clone(), ..service_client(&format!("service {n}")) })),
    );
    for inserted in [same_name, same_id.await] {
        assert_eq!(inserted.iter().filter(|inserted| **inserted).count(), 1);
    }
    assert_eq!(all(&*store).await.len(), 2);
}

/// `update` stores the settings and the time of their change.
pub async fn an_update_stores_all_settings(store: Arc<dyn Store>) {
    let (client, other) = (service_client("billing"), application("other"));
    add(&*store, &[&client, &other]).await;
    let at = now() + Duration::HOUR;
    let changed =
        Client { settings: distinct_application("reports").settings, updated_at: at, ..client.clone() };
    assert!(update(&*store, &changed).await);
    assert_eq!(stored(&*store, &client).await, Some(changed.clone()));
    let settings = ClientSettings { state: ClientState::Disabled, ..client.settings };
    let disabled = Client { settings, ..changed };
    assert!(update(&*store, &disabled).await);
    assert_eq!(stored(&*store, &disabled).await, Some(disabled));
    assert_eq!(stored(&*store, &other).await, Some(other));
}

/// `update` MUST change nothing and return `false` if another client has the name, or there is no such client.
pub async fn an_update_to_a_taken_name_changes_nothing(store: Arc<dyn Store>) {
    let (first, second) = (service_client("billing"), service_client("reports"));
    add(&*store, &[&first, &second]).await;
    let settings = ClientSettings { name: first.settings.name.clone(), ..second.settings.clone() };
    let renamed = Client { settings, updated_at: now() + Duration::HOUR, ..second.clone() };
    assert!(!update(&*store, &service_client("unknown")).await);
    let mut unit = store.begin().await.unwrap();
    unit.clients().lock(second.uid).await.unwrap();
    assert!(!unit.clients().update(&renamed).await.unwrap());
    unit.rollback().await.unwrap();
    assert_eq!(stored(&*store, &second).await.as_ref(), Some(&second));
    // Its own name is not taken.
    let touched = Client { updated_at: now() + Duration::DAY, ..second };
    assert!(update(&*store, &touched).await);
    assert_eq!(stored(&*store, &touched).await, Some(touched));
    assert_eq!(stored(&*store, &first).await, Some(first));
    assert_eq!(all(&*store).await.len(), 2);
}

/// The deletion of a client MUST delete its secrets, consents, codes and used assertions, and those of no other.
pub async fn a_deletion_takes_what_belongs_to_a_client(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let (client, other) = (application("one"), application("other"));
    let assertion = digest(unique());
    let mut kept = Vec::new();
    for client in [&client, &other] {
        add(&*store, &[client]).await;
        let (secret, code) = (client_secret(client), authorization_code(&user, client));
        add_secrets(&*store, client, &[&secret]).await;
        assert!(use_assertion(&*store, client, &assertion, now()).await);
        in_unit!(store, |unit| {
            unit.users().lock(user.id).await.unwrap();
            unit.authorization_codes().insert(&code).await.unwrap();
            unit.consents().put(&consent(&user, client)).await.unwrap();
        });
        kept.push((secret, code));
    }
    assert!(delete(&*store, &client).await);
    assert!(!delete(&*store, &client).await);
    assert_eq!(all(&*store).await, std::slice::from_ref(&other));
    let of_client = async |client: &Client, code: &AuthorizationCode| {
        let mut view = store.read().await.unwrap();
        let code = view.authorization_codes().by_digest(&code.digest).await.unwrap();
        let consent: Option<Consent> = view.consents().of(user.id, client.uid).await.unwrap();
        (secrets(&*store, client).await, code, consent)
    };
    let (other_secret, other_code) = kept.remove(1);
    assert_eq!(of_client(&client, &kept[0].1).await, (Vec::new(), None, None));
    let expected = (vec![other_secret], Some(other_code.clone()), Some(consent(&user, &other)));
    assert_eq!(of_client(&other, &other_code).await, expected);
    assert!(is_used(&*store, &other, &assertion).await);
    // The id and the name are free, and nothing of the former client comes back.
    let again = Client { id: client.id.clone(), ..application("one") };
    add(&*store, &[&again, &application("another")]).await;
    assert!(!is_used(&*store, &again, &assertion).await);
    assert_eq!(secrets(&*store, &again).await, []);
}

/// `lock` returns the client as it is then, and only if it exists.
pub async fn a_lock_returns_the_current_client(store: Arc<dyn Store>) {
    let client = application("one");
    add(&*store, &[&client]).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.clients().lock(client.uid).await.unwrap().as_ref(), Some(&client));
    assert_eq!(unit.clients().lock(service_client("unknown").uid).await.unwrap(), None);
    let settings = ClientSettings { state: ClientState::Disabled, ..client.settings.clone() };
    let disabled = Client { settings, ..client.clone() };
    assert!(unit.clients().update(&disabled).await.unwrap());
    assert_eq!(unit.clients().lock(client.uid).await.unwrap(), Some(disabled));
    assert!(unit.clients().delete(client.uid).await.unwrap());
    assert_eq!(unit.clients().lock(client.uid).await.unwrap(), None);
    unit.rollback().await.unwrap();
    assert_eq!(stored(&*store, &client).await, Some(client));
}

/// Units that lock the client and count its secrets never exceed a limit together.
pub async fn of_many_secrets_only_five_are_added(store: Arc<dyn Store>) {
    for round in 0..ROUNDS {
        let client = application(&format!("application {round}"));
        add(&*store, &[&client]).await;
        let added = together((0..8).map(|_| {
            let (store, client) = (store.clone(), client.clone());
            async move {
                in_unit!(store, |unit| {
                    unit.clients().lock(client.uid).await.unwrap();
                    let has_room =
                        unit.clients().count_secrets(client.uid).await.unwrap() < ClientSecret::MAX;
                    if has_room {
                        unit.clients().insert_secret(&client_secret(&client)).await.unwrap();
                    }
                    has_room
                })
            }
        }));
        assert_eq!(added.await.into_iter().filter(|added| *added).count(), ClientSecret::MAX);
        assert_eq!(secrets(&*store, &client).await.len(), ClientSecret::MAX);
    }
}

/// Secrets are read back unchanged, in the order of their creation, expired or not.
pub async fn secrets_are_read_back_in_order(store: Arc<dyn Store>) {
    let (client, other) = (application("one"), application("other"));
    add(&*store, &[&client, &other]).await;
    let at = |micros: i32| ClientSecret { created_at: now() + TICK * micros, ..client_secret(&client) };
    let expired = ClientSecret { expires_at: Some(now() - TICK), ..at(1) };
    let valid = ClientSecret { expires_at: Some(now() + TICK), ..at(2) };
    let forever = at(3);
    add_secrets(&*store, &client, &[&forever, &expired, &valid]).await;
    assert_eq!(secrets(&*store, &client).await, [expired, valid, forever]);
    assert_eq!(secrets(&*store, &other).await, []);
    assert_eq!(secrets(&*store, &service_client("unknown")).await, []);
    let mut unit = store.begin().await.unwrap();
    for (client, count) in [(&client, 3), (&other, 0)] {
        unit.clients().lock(client.uid).await.unwrap();
        assert_eq!(unit.clients().count_secrets(client.uid).await.unwrap(), count);
    }
    unit.rollback().await.unwrap();
}

/// `delete_secret` deletes a secret of this client. If there is none, it MUST return `false`.
pub async fn a_secret_is_deleted_once(store: Arc<dyn Store>) {
    let (client, other) = (application("one"), application("other"));
    add(&*store, &[&client, &other]).await;
    let (secret, sister) = (client_secret(&client), client_secret(&client));
    add_secrets(&*store, &client, &[&secret, &sister]).await;
    let delete_secret = async |id, of: &Client| {
        in_unit!(store, |unit| unit.clients().delete_secret(id, of.uid).await.unwrap())
    };
    assert!(!delete_secret(secret.id, &other).await);
    assert!(!delete_secret(client_secret(&client).id, &client).await);
    assert_eq!(secrets(&*store, &client).await.len(), 2);
    assert!(delete_secret(secret.id, &client).await);
    assert!(!delete_secret(secret.id, &client).await);
    assert_eq!(secrets(&*store, &client).await, [sister]);
}

/// `use_assertion` returns `true` once for each client and digest. The unit goes on.
pub async fn an_assertion_is_used_once(store: Arc<dyn Store>) {
    let (client, other) = (application("one"), application("other"));
    add(&*store, &[&client, &other]).await;
    let (assertion, at) = (digest(unique()), now() + Duration::MINUTE);
    assert!(!is_used(&*store, &client, &assertion).await);
    assert!(use_assertion(&*store, &client, &assertion, at).await);
    let mut unit = store.begin().await.unwrap();
    assert!(!unit.clients().use_assertion(client.uid, &assertion, at + Duration::DAY).await.unwrap());
    assert!(unit.clients().use_assertion(client.uid, &digest(unique()), at).await.unwrap());
    unit.commit().await.unwrap();
    assert!(use_assertion(&*store, &other, &assertion, at).await);
    // The record has kept its expiry.
    assert_eq!(sweep(&*store, at + TICK, 9).await, 3);
}

/// Of 1,000 concurrent calls with an assertion exactly one MUST return `true`.
pub async fn of_many_uses_exactly_one_wins(store: Arc<dyn Store>) {
    let (client, assertion) = (application("one"), digest(unique()));
    add(&*store, &[&client]).await;
    let used = successes_of_many(|| {
        let (store, client) = (store.clone(), client.clone());
        async move { use_assertion(&*store, &client, &assertion, now()).await }
    });
    assert_eq!(used.await, 1);
}

/// A sweep deletes records of assertions that expired before a time, at most `limit` of them.
pub async fn a_sweep_deletes_expired_assertions(store: Arc<dyn Store>) {
    let client = application("one");
    add(&*store, &[&client]).await;
    let at = |seconds| now() + Duration::seconds(seconds);
    let all: Vec<TokenDigest> = (0..6).map(|_| digest(unique())).collect();
    for (assertion, seconds) in all.iter().zip(0..) {
        assert!(use_assertion(&*store, &client, assertion, at(seconds)).await);
    }
    assert_eq!(sweep(&*store, at(4), 3).await, 3);
    assert_eq!(sweep(&*store, at(4), 3).await, 1);
    assert_eq!(sweep(&*store, at(4), 3).await, 0);
    for (n, assertion) in all.iter().enumerate() {
        assert_eq!(is_used(&*store, &client, assertion).await, n >= 4, "{n}");
    }
    assert_eq!(stored(&*store, &client).await, Some(client));
}

/// Of concurrent sweeps exactly one MUST delete and count each record.
pub async fn concurrent_sweeps_count_each_assertion_once(store: Arc<dyn Store>) {
    let client = application("one");
    add(&*store, &[&client]).await;
    for _ in 0..ROUNDS {
        used_assertions(&*store, &client, 20).await;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, now() + TICK, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, now() + TICK, 20).await, 20);
    }
}

/// In a store with several writers, a sweep MUST skip what another one is deleting, and not wait for it.
pub async fn a_sweep_skips_what_another_deletes(store: Arc<dyn Store>) {
    let client = application("one");
    add(&*store, &[&client]).await;
    let all = used_assertions(&*store, &client, 10).await;
    let before = now() + TICK;
    let mut first = store.begin().await.unwrap();
    assert_eq!(first.clients().sweep_assertions(before, 7).await.unwrap(), 7);
    if let Some(mut second) = second_unit(&*store).await {
        assert_eq!(second.clients().sweep_assertions(before, 7).await.unwrap(), 3);
        second.commit().await.unwrap();
    }
    first.commit().await.unwrap();
    sweep(&*store, before, 7).await;
    for assertion in &all {
        assert!(!is_used(&*store, &client, assertion).await);
    }
}

/// A client is not visible before the commit, and never after a rollback.
pub async fn a_rollback_leaves_no_client(store: Arc<dyn Store>) {
    let client = service_client("billing");
    let mut unit = store.begin().await.unwrap();
    assert!(unit.clients().insert(&client).await.unwrap());
    unit.clients().insert_secret(&client_secret(&client)).await.unwrap();
    assert_eq!(all(&*store).await, []);
    unit.rollback().await.unwrap();
    assert_eq!(all(&*store).await, []);
    assert_eq!(secrets(&*store, &client).await, []);
}
