use sea_orm_migration::prelude::*;

#[derive(DeriveMigrationName)]
pub(crate) struct Migration;

#[derive(DeriveIden)]
enum AuditEvents {
    Table,
    Id,
    OccurredAt,
    Kind,
    UserId,
    ClientId,
}

/// The former index of a user's events, whose order leaves events of the same moment undecided.
const FORMER: &str = "audit_events_user_id_occurred_at_idx";
const BY_USER: &str = "audit_events_user_id_occurred_at_id_idx";
const BY_CLIENT: &str = "audit_events_client_id_occurred_at_id_idx";
const BY_KIND: &str = "audit_events_kind_occurred_at_id_idx";

/// Indexes for pages of events, newest first: about a user, about a service client, and of a kind.
#[async_trait::async_trait]
impl MigrationTrait for Migration {
    async fn up(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        // Drop the index last. A drop also blocks readers, until the migration commits.
        for (name, column) in [(BY_USER, AuditEvents::UserId), (BY_KIND, AuditEvents::Kind)] {
            manager.create_index(by(name, column).take()).await?;
        }
        // Few events are about a client, and the others need no entry.
        let about_clients = Expr::col(AuditEvents::ClientId).is_not_null();
        manager.create_index(by(BY_CLIENT, AuditEvents::ClientId).and_where(about_clients).take()).await?;
        drop(manager, FORMER).await
    }

    async fn down(&self, manager: &SchemaManager) -> Result<(), DbErr> {
        let former = Index::create()
            .name(FORMER)
            .table(AuditEvents::Table)
            .col(AuditEvents::UserId)
            .col(AuditEvents::OccurredAt)
            .take();
        manager.create_index(former).await?;
        for name in [BY_CLIENT, BY_KIND, BY_USER] {
            drop(manager, name).await?;
        }
        Ok(())
    }
}

fn by(name: &str, column: AuditEvents) -> IndexCreateStatement {
    Index::create()
        .name(name)
        .table(AuditEvents::Table)
        .col(column)
        .col(AuditEvents::OccurredAt)
        .col(AuditEvents::Id)
        .take()
}

async fn drop(manager: &SchemaManager<'_>, name: &str) -> Result<(), DbErr> {
    manager.drop_index(Index::drop().name(name).table(AuditEvents::Table).to_owned()).await
}
