use sea_orm_migration::prelude::{ConnectionTrait, DbErr, MigratorTrait};
use sea_orm_migration::sea_orm::DatabaseConnection;

use crate::Migrator;
use crate::backend::Backend;
use crate::run::{begin_alone, require_create};

/// Renames another service's table `users` and creates ours: both or neither. Nothing is dropped, and references to the
/// table follow its new name.
pub async fn set_aside_and_migrate(db: &DatabaseConnection, aside: &str) -> Result<(), DbErr> {
    let transaction = begin_alone(db).await?;
    require_create(&transaction).await?;
    let mut statements = vec![format!("ALTER TABLE users RENAME TO {aside}")];
    if Backend::of(db) == Backend::Postgres {
        // Frees the name for the primary key of the new table, as in an empty database.
        statements.push(format!("ALTER INDEX IF EXISTS users_pkey RENAME TO {aside}_pkey"));
    }
    for statement in statements {
        transaction.execute_unprepared(&statement).await?;
    }
    Migrator::up(&transaction, None).await?;
    transaction.commit().await
}
