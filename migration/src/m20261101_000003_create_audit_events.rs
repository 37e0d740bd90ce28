use sea_orm_migration::prelude::*;

use crate::columns::time;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AuditEvents {
    Table,
    Id,
    OccurredAt,
    Kind,
    UserId,
    SessionId,
    ActorId,
    IpAddress,
    UserAgent,
}

#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // No foreign key: the events of a user stay when the user is deleted.
        let table = Table::create()
            .table(AuditEvents::Table)
            .col(ColumnDef::new(AuditEvents::Id).uuid().not_null().primary_key())
            .col(time(manager, AuditEvents::OccurredAt).not_null())
            .col(ColumnDef::new(AuditEvents::Kind).text().not_null())
            .col(ColumnDef::new(AuditEvents::UserId).uuid().not_null())
            .col(ColumnDef::new(AuditEvents::SessionId).uuid().null())
            .col(ColumnDef::new(AuditEvents::ActorId).uuid().null())
            .col(ColumnDef::new(AuditEvents::IpAddress).text().null())
            .col(ColumnDef::new(AuditEvents::UserAgent).text().null())
            .take();
        manager.create_table(table).await?;
        for index in indexes() {
            manager.create_index(index).await?;
        }
        Ok(())
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        manager.drop_table(Table::drop().table(AuditEvents::Table).take()).await
    }
}

/// Indexes for the latest events, of all users or of one.
fn indexes() -> [IndexCreateStatement; 2] {
    [
        Index::create()
            .name("audit_events_occurred_at_idx")
            .table(AuditEvents::Table)
            .col(AuditEvents::OccurredAt)
            .col(AuditEvents::Id)
            .take(),
        Index::create()
            .name("audit_events_user_id_occurred_at_idx")
            .table(AuditEvents::Table)
            .col(AuditEvents::UserId)
            .col(AuditEvents::OccurredAt)
            .take(),
    ]
}
