use sea_orm_migration::prelude::*;

use crate::columns::{bytewise_text, time};

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum ServiceClients {
    Table,
    Id,
    Name,
    HashedSecret,
    CreatedAt,
    RevokedAt,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let table = Table::create()
            .table(ServiceClients::Table)
            .col(ColumnDef::new(ServiceClients::Id).uuid().not_null().primary_key())
            .col(bytewise_text(manager, ServiceClients::Name).not_null().unique_key())
            .col(ColumnDef::new(ServiceClients::HashedSecret).blob().not_null())
            .col(time(manager, ServiceClients::CreatedAt).not_null())
            .col(time(manager, ServiceClients::RevokedAt).null())
            .take();
        manager.create_table(table).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(ServiceClients::Table).take()).await
    }
}
