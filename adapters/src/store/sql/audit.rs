//! SQL statements for audit events.

use async_trait::async_trait;
use inwren_domain::audit::{
    AuditEvent, AuditEventId, AuditEventKind, AuditFilter, AuditLog, AuditReader, Subject,
};
use inwren_domain::kernel::{AgeCursor, Page, PageRequest, StoreError, UserId};
use sea_orm::sea_query::{Expr, ExprTrait as _};
use sea_orm::{ColumnTrait, Condition, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};
use time::OffsetDateTime;

use super::connection::error::store_error;
use super::connection::timestamp::Timestamp;
use super::entity::audit_events::{Column, Entity, Model};
use super::entity::row::ROWS_IN_A_STATEMENT;
use super::keyset::older_than;
use super::sweep::sweep;
use super::unit::SqlUnit;
use super::view::SqlView;

#[async_trait]
impl AuditReader for SqlView {
    async fn page(
        &mut self,
        filter: &AuditFilter,
        page: PageRequest<AgeCursor<AuditEventId>>,
    ) -> Result<Page<AuditEvent, AgeCursor<AuditEventId>>, StoreError> {
        let mut rows = Entity::find()
            .filter(matching(filter, page.after))
            .order_by_desc(Column::OccurredAt)
            .order_by_desc(Column::Id)
            .limit(u64::from(page.limit()) + 1)
            .all(self.connection())
            .await
            .map_err(store_error)?;
        let has_more = rows.len() > usize::from(page.limit());
        rows.truncate(page.limit().into());
        let next = rows
            .last()
            .filter(|_| has_more)
            .map(|row| AgeCursor { created_at: row.occurred_at.0, id: AuditEventId::from_uuid(row.id) });
        Ok(Page { items: rows.into_iter().filter_map(event).collect(), next })
    }

    async fn has(&mut self, user: UserId, kind: AuditEventKind) -> Result<bool, StoreError> {
        let found = Entity::find()
            .filter(of_subject(user.into()))
            .filter(of_kind_unindexed(kind))
            .one(self.connection());
        Ok(found.await.map_err(store_error)?.is_some())
    }
}

/// Returns the event of a row. An event that cannot be read is logged and left out of the list, so it hides no other
/// event: during an upgrade, a newer instance may record kinds that this one does not know.
fn event(row: Model) -> Option<AuditEvent> {
    let id = row.id;
    AuditEvent::try_from(row)
        .inspect_err(|error| {
            tracing::error!(%id, %error, "an audit event cannot be read, and is left out of the list");
        })
        .ok()
}

/// Returns the condition for the events of a page. It bounds the time from above only once, by the cursor or by the end
/// of the period, whichever is earlier: of two bounds SQLite uses one with the index, and it could be the later one.
fn matching(filter: &AuditFilter, after: Option<AgeCursor<AuditEventId>>) -> Condition {
    let AuditFilter { subject, kind, period } = filter;
    let before = match (after, period.until()) {
        (Some(after), until) if until.is_none_or(|until| after.created_at < until) => {
            Some(older_than([Column::OccurredAt, Column::Id], (after.created_at, after.id.as_uuid())))
        }
        (_, until) => until.map(|until| Column::OccurredAt.lt(Timestamp(until))),
    };
    let of_kind = kind.map(|kind| match subject {
        Some(_) => of_kind_unindexed(kind),
        None => Column::Kind.eq(kind.as_str()),
    });
    Condition::all()
        .add_option(subject.map(of_subject))
        .add_option(of_kind)
        .add_option(period.since().map(|since| Column::OccurredAt.gte(Timestamp(since))))
        .add_option(before)
}

fn of_subject(subject: Subject) -> Expr {
    match subject {
        Subject::User(id) => Column::UserId.eq(id.as_uuid()),
        Subject::Client(id) => Column::ClientId.eq(id.as_uuid()),
    }
}

/// Returns a condition for the kind of an event of one subject. It keeps planners from the index of kinds, which
/// contains the events of all subjects: without statistics SQLite cannot know that a subject has fewer events.
fn of_kind_unindexed(kind: AuditEventKind) -> Expr {
    Expr::cust("kind || ''").eq(kind.as_str())
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
