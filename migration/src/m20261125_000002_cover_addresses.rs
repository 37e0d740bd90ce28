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

/// A login asks from where the account was logged in to of late. Those sessions lie apart from each other in the table,
/// each among those that others opened at the time; in the index, which is asked alone now, they lie together.
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
