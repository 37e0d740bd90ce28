//! `ServiceClientReader` and `ServiceClientRepository`.

use std::sync::Arc;

use inwren_domain::client::ServiceClient;
use inwren_domain::client::ServiceClientId;
use inwren_domain::store::Store;
use time::Duration;

use super::support::together;
use crate::fixtures::{now, service_client};

async fn all(store: &dyn Store) -> Vec<ServiceClient> {
    store.read().await.unwrap().service_clients().all().await.unwrap()
}

async fn by_id(store: &dyn Store, id: ServiceClientId) -> Option<ServiceClient> {
    store.read().await.unwrap().service_clients().by_id(id).await.unwrap()
}

/// Inserted clients are read back unchanged, in the order of their creation.
pub async fn inserted_is_read_back_exactly_in_order(store: Arc<dyn Store>) {
    let first = service_client("billing");
    let later = ServiceClient {
        created_at: now() + Duration::microseconds(1),
        revoked_at: Some(now() + Duration::microseconds(2)),
        ..service_client("Ünïcode 🦀")
    };
    for client in [&later, &first] {
        assert_eq!(by_id(&*store, client.id).await, None);
        assert!(in_unit!(store, |unit| unit.service_clients().insert(client).await.unwrap()));
        assert_eq!(by_id(&*store, client.id).await.as_ref(), Some(client));
    }
    assert_eq!(all(&*store).await, [first, later]);
}

/// `insert` MUST change nothing and return `false` if another client has the name, also for concurrent inserts.
pub async fn a_name_is_given_once(store: Arc<dyn Store>) {
    let insert = |client: ServiceClient| {
        let store = store.clone();
        async move { in_unit!(store, |unit| unit.service_clients().insert(&client).await.unwrap()) }
    };
    let inserted = together((0..8).map(|_| insert(service_client("billing")))).await;
    assert_eq!(inserted.iter().filter(|inserted| **inserted).count(), 1);
    assert_eq!(all(&*store).await.len(), 1);
    assert!(insert(service_client("Billing")).await);

    // The unit goes on after a taken name.
    let mut unit = store.begin().await.unwrap();
    assert!(!unit.service_clients().insert(&service_client("billing")).await.unwrap());
    assert!(unit.service_clients().insert(&service_client("reports")).await.unwrap());
    unit.commit().await.unwrap();
    assert_eq!(all(&*store).await.len(), 3);
}

/// A client can be revoked once, and its name stays taken.
pub async fn a_client_is_revoked_once(store: Arc<dyn Store>) {
    let (client, other) = (service_client("billing"), service_client("reports"));
    in_unit!(store, |unit| for client in [&client, &other] {
        assert!(unit.service_clients().insert(client).await.unwrap());
    });
    let later = now() + Duration::HOUR;
    let revoke = async |id, at| in_unit!(store, |unit| unit.service_clients().revoke(id, at).await.unwrap());
    assert!(revoke(client.id, now()).await);
    assert!(!revoke(client.id, later).await);
    assert!(!revoke(service_client("nobody").id, later).await);
    let revoked = ServiceClient { revoked_at: Some(now()), ..client.clone() };
    assert_eq!(by_id(&*store, client.id).await, Some(revoked));
    assert_eq!(by_id(&*store, other.id).await, Some(other));
    let again = service_client("billing");
    assert!(!in_unit!(store, |unit| unit.service_clients().insert(&again).await.unwrap()));
}

/// A client is not visible before the commit, and never after a rollback.
pub async fn a_client_is_there_only_if_the_unit_commits(store: Arc<dyn Store>) {
    let client = service_client("billing");
    let mut unit = store.begin().await.unwrap();
    assert!(unit.service_clients().insert(&client).await.unwrap());
    assert_eq!(all(&*store).await, []);
    unit.rollback().await.unwrap();
    assert_eq!(all(&*store).await, []);
}
