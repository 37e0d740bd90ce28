use sea_orm_migration::prelude::*;

use crate::columns::{bytewise_text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum Users {
    Table,
    Id,
    Email,
    HashedPassword,
    IsActive,
    IsSuperuser,
    Tier,
    CreatedAt,
    UpdatedAt,
    EmailNormalized,
    CredentialVersion,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(Users::Table)
            .col(ColumnDef::new(Users::Id).uuid().not_null().primary_key())
            .col(ColumnDef::new(Users::Email).text().not_null())
            .col(ColumnDef::new(Users::HashedPassword).text().not_null())
            .col(ColumnDef::new(Users::IsActive).boolean().not_null())
            .col(ColumnDef::new(Users::IsSuperuser).boolean().not_null())
            .col(ColumnDef::new(Users::Tier).string().not_null())
            .col(time(manager, Users::CreatedAt).not_null())
            .col(time(manager, Users::UpdatedAt).not_null())
            .col(bytewise_text(manager, Users::EmailNormalized).not_null())
            .col(ColumnDef::new(Users::CredentialVersion).big_integer().not_null().default(0))
            .take();
        manager.create_table(table).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(Users::Table).take()).await
    }
}

/// Indexes for uniqueness and for listing users: newest first, with each filter. Few users are superusers or inactive,
/// so those two indexes are partial.
fn indexes() -> [IndexCreateStatement; 5] {
    let newest = |name: &str| {
        Index::create().name(name).table(Users::Table).col(Users::CreatedAt).col(Users::Id).take()
    };
    [
        Index::create()
            .name("users_email_normalized_key")
            .table(Users::Table)
            .col(Users::EmailNormalized)
            .unique()
            .take(),
        newest("users_created_at_idx"),
        Index::create()
            .name("users_tier_created_at_idx")
            .table(Users::Table)
            .col(Users::Tier)
            .col(Users::CreatedAt)
            .col(Users::Id)
            .take(),
        newest("users_superusers_idx").and_where(Expr::col(Users::IsSuperuser)).take(),
        newest("users_inactive_idx").and_where(Expr::col(Users::IsActive).not()).take(),
    ]
}
