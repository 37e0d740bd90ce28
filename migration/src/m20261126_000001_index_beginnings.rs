use sea_orm_migration::prelude::*;

use crate::backend::Backend;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
}

/// The lengths of the address prefixes that have an index.
const LENGTHS: std::ops::RangeInclusive<u8> = 1..=8;

/// Indexes users by address prefix and age. A listing of the users who share a prefix of one of these lengths is read
/// in index order, also with a filter for active users or superusers.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        create_all(manager).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        drop_all(manager).await
    }
}

pub(crate) async fn create_all(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for length in LENGTHS {
        let index = format!(
            "CREATE INDEX {} ON users \
             (substr(email_normalized, 1, {length}), is_active, is_superuser, created_at, id)",
            name(length)
        );
        manager.get_connection().execute_unprepared(&index).await?;
    }
    if Backend::of(manager.get_connection()) == Backend::Postgres {
        // Without statistics PostgreSQL would assume that few users share a prefix.
        manager.get_connection().execute_unprepared("ANALYZE users").await?;
    }
    Ok(())
}

pub(crate) async fn drop_all(manager: &SchemaManager<'_>) -> Result<(), DbErr> {
    for length in LENGTHS {
        manager.drop_index(Index::drop().name(name(length)).table(Users::Table).to_owned()).await?;
    }
    Ok(())
}

fn name(length: u8) -> String {
    format!("users_email_{length}_kind_created_at_idx")
}
