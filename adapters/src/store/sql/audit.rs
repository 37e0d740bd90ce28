//! SQL statements for audit events.

use async_trait::async_trait;
use inwren_domain::audit::{AuditEvent, AuditEventKind, AuditLog, AuditReader};
use inwren_domain::kernel::{StoreError, UserId};
use sea_orm::{ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::audit_events::{Column, Entity, Model};
use super::entity::row::ROWS_IN_A_STATEMENT;
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl AuditReader for SqlView {
    async fn latest(&mut self, limit: u16) -> Result<Vec<AuditEvent>, StoreError> {
        let rows = Entity::find()
            .order_by_desc(Column::OccurredAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(limit))
            .all(self.connection())
            .await
            .map_err(store_error)?;
        rows.into_iter().map(AuditEvent::try_from).collect()
    }

    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError> {
        let found = Entity::find()
            .filter(Column::UserId.eq(user.as_uuid()))
            .filter(Column::Kind.eq(kind.as_str()))
            .one(self.connection());
        Ok(found.await.map_err(store_error)?.is_some())
    }
}

#[async_trait]
impl AuditLog for SqlUnit {
    async fn record(&mut self, event: &AuditEvent) -> Result<(), StoreError> {
        let insert = Entity::insert(Model::from(event).into_active_model());
        insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        Ok(())
    }

    async fn record_all(&mut self, events: &[AuditEvent]) -> Result<(), StoreError> {
        for some in events.chunks(ROWS_IN_A_STATEMENT) {
            let rows = some.iter().map(|event| Model::from(event).into_active_model());
            let insert = Entity::insert_many(rows);
            insert.exec_without_returning(self.connection()).await.map_err(store_error)?;
        }
        Ok(())
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let old = Entity::find()
            .filter(Column::OccurredAt.lt(Timestamp(before)))
            .order_by_asc(Column::OccurredAt)
            .order_by_asc(Column::Id)
            .limit(u64::from(limit));
        sweep(self.connection(), old, Column::Id).await
    }
}
