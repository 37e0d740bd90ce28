use sea_orm_migration::prelude::*;

use crate::nullable::Column;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

const USER_ID: Column = Column { table: "audit_events", name: "user_id", sqlite_type: "uuid_text" };

#[derive(DeriveIden)]
enum AuditEvents {
    Table,
    Kind,
    UserId,
    ClientId,
}

/// Gives events about a service client a column of their own. `user_id` no longer contains the ids of service clients.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        USER_ID.allow_null(manager).await?;
        let column = ColumnDef::new(AuditEvents::ClientId).uuid().null().take();
        manager.alter_table(Table::alter().table(AuditEvents::Table).add_column(column).take()).await?;
        let about_clients = Query::update()
            .table(AuditEvents::Table)
            .value(AuditEvents::ClientId, Expr::col(AuditEvents::UserId))
            .value(AuditEvents::UserId, Expr::cust("NULL"))
            .and_where(
                Expr::col(AuditEvents::Kind).is_in(["service_client_created", "service_client_revoked"]),
            )
            .take();
        manager.execute(about_clients).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let about_clients = Query::update()
            .table(AuditEvents::Table)
            .value(AuditEvents::UserId, Expr::col(AuditEvents::ClientId))
            .and_where(Expr::col(AuditEvents::ClientId).is_not_null())
            .take();
        manager.execute(about_clients).await?;
        let column = AuditEvents::ClientId;
        manager.alter_table(Table::alter().table(AuditEvents::Table).drop_column(column).take()).await?;
        USER_ID.forbid_null(manager).await
    }
}
