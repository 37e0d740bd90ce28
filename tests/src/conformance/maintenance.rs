//! `Maintenance`, for the stores that have it.

use std::sync::Arc;
use std::time::Instant;

use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::store::{Checkpoint, FormerAddress, Maintenance, PoolMetrics, Schema};
use time::Duration;

use super::support::{add_users, events, together, user_of};
use crate::fixtures::{event, now, user, user_fixture, user_id};
use crate::process::PATIENCE;
use crate::stores::Maintained;

/// A table of another service.
const FOREIGN_USERS: &str = "CREATE TABLE users (id integer PRIMARY KEY, email text)";

async fn names(maintenance: &dyn Maintenance) -> Vec<String> {
    maintenance.migrations().await.unwrap().into_iter().map(|migration| migration.name).collect()
}

async fn applied(maintenance: &dyn Maintenance) -> Vec<String> {
    let migrations = maintenance.migrations().await.unwrap();
    migrations.into_iter().filter(|migration| migration.is_applied).map(|migration| migration.name).collect()
}

/// A migrated database has no pending migrations.
pub async fn migrated_schema_is_current(database: Maintained) {
    let maintenance = &*database.maintenance;
    assert_eq!(maintenance.schema().await.unwrap(), Schema::Current);
    let names = names(maintenance).await;
    assert!(names.len() > 5 && names.is_sorted());
    assert_eq!(applied(maintenance).await, names);
    assert_eq!(maintenance.migrate_up().await.unwrap(), [""; 0]);
    assert_eq!(maintenance.former_addresses().await.unwrap(), []);
}

/// An empty database is behind, and reading its schema state leaves it empty.
pub async fn reading_an_empty_schema_writes_nothing(database: Maintained) {
    database.clear().await;
    let maintenance = &*database.maintenance;
    let names = names(maintenance).await;
    assert_eq!(maintenance.schema().await.unwrap(), Schema::Behind(names));
    assert_eq!(applied(maintenance).await, [""; 0]);
    assert_eq!(database.tables().await, [""; 0]);
}

/// Migrations are reverted newest first and applied again oldest first.
pub async fn migrations_go_down_and_up(database: Maintained) {
    let maintenance = &*database.maintenance;
    let names = names(maintenance).await;
    let (kept, last) = names.split_at(names.len() - 2);
    let mut reverted = maintenance.migrate_down(2).await.unwrap();
    reverted.reverse();
    assert_eq!(reverted, last);
    assert_eq!(applied(maintenance).await, kept);
    assert_eq!(maintenance.schema().await.unwrap(), Schema::Behind(last.to_vec()));
    assert_eq!(maintenance.migrate_up().await.unwrap(), last);
    assert_eq!(maintenance.schema().await.unwrap(), Schema::Current);
    assert_eq!(maintenance.migrate_down(u32::MAX).await.unwrap().len(), names.len());
}

/// Of several instances that start at the same time one applies the migrations.
pub async fn of_many_migrations_at_once_one_applies_them(database: Maintained) {
    database.clear().await;
    let names = names(&*database.maintenance).await;
    let migrate = || {
        let maintenance = Arc::clone(&database.maintenance);
        async move { maintenance.migrate_up().await.unwrap() }
    };
    let mut done = together((0..4).map(|_| migrate())).await;
    done.sort_by_key(Vec::len);
    assert_eq!(done, [vec![], vec![], vec![], names]);
    assert_eq!(database.maintenance.schema().await.unwrap(), Schema::Current);
}

/// The failing migration is not the first one.
pub async fn failed_migration_changes_nothing(database: Maintained) {
    database.clear().await;
    database.execute("CREATE TABLE sessions (id integer)").await;
    database.maintenance.migrate_up().await.unwrap_err();
    assert_eq!(database.tables().await, ["sessions"]);
    database.execute("DROP TABLE sessions").await;
    database.maintenance.migrate_up().await.unwrap();
    add_users(&*database.store, &[&user_fixture()]).await;
}

/// Migrations leave a table `users` of another service unchanged.
pub async fn foreign_users_are_recognised_and_kept(database: Maintained) {
    database.clear().await;
    database.execute(FOREIGN_USERS).await;
    assert_eq!(database.maintenance.schema().await.unwrap(), Schema::Foreign);
    database.maintenance.migrate_up().await.unwrap_err();
    assert_eq!(database.tables().await, ["users"]);
}

/// The table of another service is renamed with all its rows.
pub async fn foreign_users_are_set_aside(database: Maintained) {
    database.clear().await;
    database.execute(FOREIGN_USERS).await;
    database.execute("INSERT INTO users VALUES (1, 'ann@example.org'), (2, 'bob@example.org')").await;
    database.maintenance.set_users_aside("users_before").await.unwrap();
    assert_eq!(database.maintenance.schema().await.unwrap(), Schema::Current);
    assert_eq!(database.count("users_before").await, 2);
    add_users(&*database.store, &[&user_fixture()]).await;
    assert_eq!(database.count("users").await, 1);
}

/// If the migrations fail, the table of another service keeps its name.
pub async fn failed_setting_aside_changes_nothing(database: Maintained) {
    database.clear().await;
    database.execute(FOREIGN_USERS).await;
    database.execute("INSERT INTO users VALUES (1, 'ann@example.org')").await;
    database.execute("CREATE TABLE sessions (id integer)").await;
    database.maintenance.set_users_aside("users_before").await.unwrap_err();
    assert_eq!(database.tables().await, ["sessions", "users"]);
    assert_eq!(database.count("users").await, 1);
    assert_eq!(database.maintenance.schema().await.unwrap(), Schema::Foreign);
}

/// Users whose address has the form of an earlier release are reported, with the user who has its ASCII form, and stay
/// unchanged.
pub async fn former_addresses_are_reported(database: Maintained) {
    let (ann, holder, other) = (user_fixture(), user("ann@bücher.example"), user_fixture());
    add_users(&*database.store, &[&ann, &holder, &other]).await;
    for (changed, address) in [(&ann, "ann@bücher.example"), (&other, "ann@bücher.１")] {
        let former = changed.email.normalized();
        database
            .execute(&format!(
                "UPDATE users SET email = '{address}', email_normalized = '{address}' WHERE email_normalized = '{former}'"
            ))
            .await;
    }
    let mut expected = [
        FormerAddress { user: ann.id, holder: Some(holder.id) },
        FormerAddress { user: other.id, holder: None },
    ];
    expected.sort_by_key(|found| found.user);
    for _ in 0..2 {
        let mut found = database.maintenance.former_addresses().await.unwrap();
        found.sort_by_key(|found| found.user);
        assert_eq!(found, expected);
    }
}

/// A vacuum frees the space of swept rows step by step; all other rows stay.
pub async fn vacuum_ends_and_keeps_all_rows(database: Maintained) {
    let old = |n: i64| AuditEvent {
        occurred_at: now() - Duration::seconds(n),
        ..event(AuditEventKind::LoggedIn, user_id())
    };
    let many: Vec<AuditEvent> = (1..=20_000).map(old).collect();
    let kept = event(AuditEventKind::LoggedIn, user_id());
    in_unit!(database.store, |unit| {
        unit.audit().record_all(&many).await.unwrap();
        unit.audit().record(&kept).await.unwrap();
    });
    let swept = in_unit!(database.store, |unit| unit.audit().sweep(now(), 20_000).await.unwrap());
    assert_eq!(swept, 20_000);
    let mut steps = 0;
    while database.maintenance.vacuum().await.unwrap() > 0 {
        steps += 1;
        assert!(steps < 1_000, "there is no end to it");
    }
    assert_eq!(events(&*database.store).await, [kept]);
}

/// A checkpoint loses nothing and blocks no reader.
pub async fn checkpoint_keeps_what_was_committed(database: Maintained) {
    let user = user_fixture();
    add_users(&*database.store, &[&user]).await;
    assert_eq!(database.maintenance.checkpoint().await.unwrap(), Checkpoint::Done);
    assert!(user_of(&*database.store, user.id).await.is_some());
}

/// The pool metrics count the connection of an open unit, and no longer after its end.
pub async fn open_unit_counts_as_connection_in_use(database: Maintained) {
    let in_use = |pools: &[PoolMetrics]| pools.iter().map(|pool| pool.in_use).sum::<u32>();
    let until = async |expected: u32| {
        let begun = Instant::now();
        // The driver takes a connection back shortly after the unit has ended.
        while in_use(&database.maintenance.pools()) != expected {
            assert!(begun.elapsed() < PATIENCE, "{:?}", database.maintenance.pools());
            tokio::task::yield_now().await;
        }
    };
    until(0).await;
    let unit = database.store.begin().await.unwrap();
    until(1).await;
    assert!(database.maintenance.pools().iter().all(|pool| pool.in_use + pool.idle <= pool.max));
    unit.rollback().await.unwrap();
    until(0).await;
}
