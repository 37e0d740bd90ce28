//! Databases with many users.

use std::time::Duration;

use inwren_adapters::store::sql::{SqlOptions, SqlStore, SqlTarget};
use inwren_domain::store::Store as _;
use sea_orm::ConnectionTrait as _;

/// Adds the users with these numbers to a migrated database, and updates the statistics of the database.
pub fn users(url: &str, first: u32, last: u32) {
    let target = SqlTarget::parse(url).expect("a URL");
    let sql = match target {
        SqlTarget::Postgres(_) => include_str!("../../data/users.postgres.sql"),
        SqlTarget::Sqlite(_) => include_str!("../../data/users.sqlite.sql"),
    };
    let sql = sql.replace("{first}", &first.to_string()).replace("{last}", &last.to_string());
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let options = SqlOptions { statement_timeout: Duration::from_secs(600), ..SqlOptions::default() };
        let store = SqlStore::connect(&target, &options).await.expect("a database");
        for statement in sql.split(';') {
            store.writer().execute_unprepared(statement).await.expect("users");
        }
        store.close().await;
    });
}
