use sea_orm_migration::prelude::*;

use crate::columns::time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Sessions {
    Table,
    Id,
    UserId,
    Generation,
    RekeyedGeneration,
    RefreshJti,
    HashedRefreshToken,
    PreviousHashedRefreshToken,
    RotatedAt,
    CreatedAt,
    AuthenticatedAt,
    LastUsedAt,
    ExpiresAt,
    MaxExpiresAt,
    RevokedAt,
    RevokedReason,
    IpAddress,
    UserAgent,
}

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Sessions::Table)
            .col(ColumnDef::new(Sessions::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Sessions::UserId).uuid().not_null())
            .col(ColumnDef::new(Sessions::Generation).big_integer().not_null())
            .col(ColumnDef::new(Sessions::RekeyedGeneration).big_integer().not_null())
            .col(ColumnDef::new(Sessions::RefreshJti).text().not_null())
            .col(ColumnDef::new(Sessions::HashedRefreshToken).binary_len(32).not_null())
            .col(ColumnDef::new(Sessions::PreviousHashedRefreshToken).binary_len(32).null())
            .col(time(manager, Sessions::RotatedAt).not_null())
            .col(time(manager, Sessions::CreatedAt).not_null())
            .col(time(manager, Sessions::AuthenticatedAt).not_null())
            .col(time(manager, Sessions::LastUsedAt).not_null())
            .col(time(manager, Sessions::ExpiresAt).not_null())
            .col(time(manager, Sessions::MaxExpiresAt).not_null())
            .col(time(manager, Sessions::RevokedAt).null())
            .col(ColumnDef::new(Sessions::RevokedReason).text().null())
            .col(ColumnDef::new(Sessions::IpAddress).text().null())
            .col(ColumnDef::new(Sessions::UserAgent).text().null())
            .foreign_key(
                ForeignKey::create()
                    .name("sessions_user_id_fkey")
                    .from(Sessions::Table, Sessions::UserId)
                    .to(Users::Table, Users::Id)
                    .on_delete(ForeignKeyAction::Cascade),
            )
            .take();
        manager.create_table(table).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Sessions::Table).take()).await
    }
}

/// One index for a user's sessions, newest first, and for the foreign key; two for the sweep of ended sessions.
fn indexes() -> [IndexCreateStatement; 3] {
    [
        Index::create()
            .name("sessions_user_id_created_at_idx")
            .table(Sessions::Table)
            .col(Sessions::UserId)
            .col(Sessions::CreatedAt)
            .take(),
        Index::create()
            .name("sessions_expires_at_idx")
            .table(Sessions::Table)
            .col(Sessions::ExpiresAt)
            .take(),
        Index::create()
            .name("sessions_revoked_at_idx")
            .table(Sessions::Table)
            .col(Sessions::RevokedAt)
            .and_where(Expr::col(Sessions::RevokedAt).is_not_null())
            .take(),
    ]
}
