use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    UserId,
    CreatedAt,
    Id,
    IpAddress,
}

const BEFORE: &str = "sessions_user_id_created_at_id_idx";
const AFTER: &str = "sessions_user_id_created_at_id_ip_address_idx";

/// Adds the client address to the index of a user's sessions. A login reads from where the account's latest sessions
/// started. In the table these sessions are scattered among those of other users; in the index, which is now read
/// alone, they are adjacent.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(sessions_of_a_user(AFTER).col(Sessions::IpAddress).take()).await?;
        manager.drop_index(Index::drop().name(BEFORE).table(Sessions::Table).to_owned()).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.create_index(sessions_of_a_user(BEFORE)).await?;
        manager.drop_index(Index::drop().name(AFTER).table(Sessions::Table).to_owned()).await
    }
}

fn sessions_of_a_user(name: &str) -> IndexCreateStatement {
    Index::create()
        .name(name)
        .table(Sessions::Table)
        .col(Sessions::UserId)
        .col(Sessions::CreatedAt)
        .col(Sessions::Id)
        .take()
}
