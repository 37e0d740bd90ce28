//! Metrics of the database connection pools.

use std::time::{Duration, Instant};

use inwren_adapters::store::sql::{SqlOptions, SqlStore};
use inwren_domain::store::{PoolMetrics, Store as _};
use inwren_tests::process::PATIENCE;
use inwren_tests::stores::{TempFolder, TestDatabase, open, patient_options};

async fn until(store: &SqlStore, pool: &str, expected: impl Fn(&PoolMetrics) -> bool) -> PoolMetrics {
    let begun = Instant::now();
    while begun.elapsed() < PATIENCE {
        let found = store.pools().into_iter().find(|metrics| metrics.name == pool).expect("a pool");
        if expected(&found) {
            return found;
        }
        // The driver takes a connection back after the database has answered it.
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    panic!("never so: {:?}", store.pools());
}

/// One unit holds the only connection, and other units wait for it.
async fn one_for_three(store: SqlStore, pool: &str) {
    let free = until(&store, pool, |pool| pool.in_use == 0 && pool.waiting == 0).await;
    assert_eq!(free.max, 1);
    let held = store.begin().await.unwrap();
    let busy = until(&store, pool, |pool| pool.in_use == 1).await;
    assert_eq!((busy.idle, busy.waiting), (0, 0));
    let waiters: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.begin().await.unwrap().rollback().await })
        })
        .collect();
    until(&store, pool, |pool| pool.waiting == 2).await;
    held.rollback().await.unwrap();
    for waiter in waiters {
        waiter.await.unwrap().unwrap();
    }
    until(&store, pool, |pool| pool.in_use == 0 && pool.idle == 1 && pool.waiting == 0).await;
    // A cancelled caller no longer counts as waiting.
    let held = store.begin().await.unwrap();
    let impatient = {
        let store = store.clone();
        tokio::spawn(async move { store.begin().await.map(drop) })
    };
    until(&store, pool, |pool| pool.waiting == 1).await;
    impatient.abort();
    until(&store, pool, |pool| pool.waiting == 0).await;
    drop(held);
    until(&store, pool, |pool| pool.in_use == 0).await;
}

#[tokio::test]
async fn postgres_has_one_pool() {
    let database = TestDatabase::empty().await;
    let options = SqlOptions { max_connections: 1, ..patient_options() };
    let store = open(database.url(), &options).await;
    assert_eq!(store.pools().len(), 1);
    one_for_three(store.clone(), "all").await;
    store.close().await;
}

#[tokio::test]
async fn sqlite_has_a_writer_and_readers() {
    let folder = TempFolder::new();
    let url = format!("sqlite://{}", folder.path().join("store.db").display());
    let store = open(&url, &patient_options()).await;
    let names: Vec<_> = store.pools().iter().map(|pool| pool.name).collect();
    assert_eq!(names, ["writer", "readers"]);
    one_for_three(store.clone(), "writer").await;
    store.close().await;
}
