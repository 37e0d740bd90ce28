use std::collections::HashSet;

use sea_orm_migration::prelude::{ConnectionTrait, DbErr, Iden, MigratorTrait, SchemaManager};
use sea_orm_migration::sea_orm::{
    ConnectOptions, Database, DatabaseConnection, DatabaseTransaction, DbBackend, EntityTrait,
    SqliteTransactionMode, Statement, TransactionOptions, TransactionTrait,
};
use sea_orm_migration::seaql_migrations;

use crate::Migrator;
use crate::backend::Backend;

/// The key of the PostgreSQL advisory lock: `inwren` in ASCII.
const LOCK: i64 = 0x0069_6e77_7265_6e00;

/// Applies all pending migrations or none, and returns their names. Of several concurrent processes one applies them
/// and the others wait.
///
/// A database that a newer release has migrated further is left as it is.
pub async fn migrate_up(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    if pending(db).await?.is_empty() {
        return Ok(Vec::new());
    }
    let transaction = begin_alone(db).await?;
    require_create(&transaction).await?;
    let missing = unapplied(known(&SchemaManager::new(&transaction)).await?);
    Migrator::up(&transaction, None).await?;
    transaction.commit().await?;
    Ok(missing)
}

/// Rejects a PostgreSQL role that may not create tables, and names the missing grant: since release 15 a new role has
/// none on the schema `public`.
pub(crate) async fn require_create(db: &impl ConnectionTrait) -> Result<(), DbErr> {
    if Backend::of(db) != Backend::Postgres {
        return Ok(());
    }
    let question = "SELECT quote_ident(current_user) AS role, quote_ident(coalesce(current_schema(), 'public')) AS schema, \
                    coalesce(has_schema_privilege(current_schema(), 'CREATE'), false) AS may_create";
    let row = db.query_one_raw(Statement::from_string(DbBackend::Postgres, question)).await?;
    let Some(row) = row else { return Ok(()) };
    if row.try_get("", "may_create")? {
        return Ok(());
    }
    let (role, schema): (String, String) = (row.try_get("", "role")?, row.try_get("", "schema")?);
    Err(DbErr::Migration(format!(
        "the role {role} may not create tables in the schema {schema}. As its owner, run: \
         GRANT USAGE, CREATE ON SCHEMA {schema} TO {role}"
    )))
}

/// Reverts the last `steps` migrations, with all the data that they made room for, and returns their names.
pub async fn migrate_down(db: &DatabaseConnection, steps: u32) -> Result<Vec<String>, DbErr> {
    let transaction = begin_alone(db).await?;
    let mut taken_back = known(&SchemaManager::new(&transaction)).await?;
    Migrator::down(&transaction, Some(steps)).await?;
    transaction.commit().await?;
    taken_back.retain(|(_, applied)| *applied);
    let steps = usize::try_from(steps).unwrap_or(usize::MAX);
    Ok(taken_back.into_iter().rev().take(steps).map(|(name, _)| name).collect())
}

/// Every migration that this release knows, oldest first.
pub fn names() -> Vec<String> {
    Migrator::migrations().into_iter().map(|migration| migration.name().to_owned()).collect()
}

/// Creates a SQLite database in memory with the schema of the first `count` migrations, to compare others with.
pub async fn sqlite_reference(count: usize) -> Result<DatabaseConnection, DbErr> {
    let mut options = ConnectOptions::new("sqlite::memory:");
    // Another connection would open another database.
    options.max_connections(1).sqlx_logging(false);
    let db = Database::connect(options).await?;
    Migrator::up(&db, Some(u32::try_from(count).unwrap_or(u32::MAX))).await?;
    Ok(db)
}

/// Every migration that this release knows, oldest first, and whether it is applied. It writes nothing.
pub async fn status(db: &DatabaseConnection) -> Result<Vec<(String, bool)>, DbErr> {
    known(&SchemaManager::new(db)).await
}

/// The pending migrations of this release, oldest first. It writes nothing.
pub async fn pending(db: &DatabaseConnection) -> Result<Vec<String>, DbErr> {
    Ok(unapplied(status(db).await?))
}

/// Whether the table `users` belongs to another service: none of these migrations created it.
pub async fn has_foreign_users(db: &DatabaseConnection) -> Result<bool, DbErr> {
    let manager = SchemaManager::new(db);
    // Check the table first: another process may be migrating, and its table becomes visible together with the record
    // of its migration.
    if !manager.has_table("users").await? {
        return Ok(false);
    }
    // The first migration creates our table.
    let is_ours = known(&manager).await?.first().is_some_and(|(_, applied)| *applied);
    Ok(!is_ours)
}

fn unapplied(known: Vec<(String, bool)>) -> Vec<String> {
    known.into_iter().filter(|(_, applied)| !applied).map(|(name, _)| name).collect()
}

async fn known(manager: &SchemaManager<'_>) -> Result<Vec<(String, bool)>, DbErr> {
    let applied = applied(manager).await?;
    Ok(names().into_iter().map(|name| (name.clone(), applied.contains(&name))).collect())
}

async fn applied(manager: &SchemaManager<'_>) -> Result<HashSet<String>, DbErr> {
    if !manager.has_table(seaql_migrations::Entity.unquoted()).await? {
        return Ok(HashSet::new());
    }
    let rows = seaql_migrations::Entity::find().all(manager.get_connection()).await?;
    Ok(rows.into_iter().map(|row| row.version).collect())
}

/// Begins a transaction that excludes all others of this kind.
pub(crate) async fn begin_alone(db: &DatabaseConnection) -> Result<DatabaseTransaction, DbErr> {
    let options = TransactionOptions {
        sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
        ..TransactionOptions::default()
    };
    let transaction = db.begin_with_options(options).await?;
    if Backend::of(db) == Backend::Postgres {
        // The short timeouts of the service's connections suit requests, but not the creation of an index.
        for setting in ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"] {
            transaction.execute_unprepared(&format!("SET LOCAL {setting} = 0")).await?;
        }
        transaction.execute_unprepared(&format!("SELECT pg_advisory_xact_lock({LOCK})")).await?;
    }
    Ok(transaction)
}
