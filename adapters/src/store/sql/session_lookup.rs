//! Session lookup, which every authenticated request needs.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use inwren_domain::account::User;
use inwren_domain::kernel::{SessionId, StoreError};
use inwren_domain::session::Session;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter};
use uuid::Uuid;

use super::connection::Connection;
use super::connection::batcher::{Batcher, Job, MAX_BATCH, Worker};
use super::connection::error::store_error;
use super::connection::pool::Pool;
use super::dialect::sqlite::Readers;
use super::entity::{sessions, users};
use crate::parts::mark;

/// Maximum number of concurrent batches.
const TASKS: usize = 3;

type Found = Option<(Session, User)>;

/// Looks up sessions with their users, for all concurrent callers with one statement.
pub(super) struct SessionLookup {
    batcher: Batcher<Job<SessionId, Found>>,
    /// Local reads for a database in a file, which are tried first.
    local_read: Option<Readers>,
}

impl SessionLookup {
    /// Creates lookups over a pool. A caller waits for `max_wait` at most.
    pub(super) fn over(readers: Pool, file: Option<&Path>, max_wait: Duration) -> Self {
        Self { batcher: Batcher::start(TASKS, max_wait, readers), local_read: file.map(Readers::open) }
    }

    /// Returns the result of a local read, if it is available without waiting, and then marks the span of the call.
    pub(super) fn local_read<T>(&self, read: impl FnOnce(&Readers) -> Option<T>) -> Option<T> {
        let found = self.local_read.as_ref().and_then(read);
        if found.is_some() {
            mark("inwren.local_read");
        }
        found
    }

    pub(super) async fn session_with_user(&self, id: SessionId) -> Result<Found, StoreError> {
        match self.local_read(|readers| readers.session_with_user(id)) {
            Some(found) => Ok(found),
            None => self.batcher.submit(id).await,
        }
    }

    pub(super) fn close(&self) {
        if let Some(readers) = &self.local_read {
            readers.close();
        }
    }
}

/// Returns the session and its user with one query.
pub(super) async fn with_user(
    connection: &impl ConnectionTrait,
    id: SessionId,
) -> Result<Option<(Session, User)>, StoreError> {
    let rows =
        sessions::Entity::find_by_id(id.as_uuid()).find_both_related(users::Entity).one(connection).await;
    rows.map_err(store_error)?.map(|(session, user)| Ok((session.try_into()?, user.into()))).transpose()
}

impl Worker<Job<SessionId, Found>> for Pool {
    /// Looks up all sessions of the batch with one statement.
    async fn work(&self, batch: &mut [Job<SessionId, Found>]) -> Result<(), StoreError> {
        let connection = Connection::on(self.clone());
        if let [job] = batch {
            let found = with_user(&connection, job.question).await?;
            job.answer(Ok(found));
            return Ok(());
        }
        let ids: Vec<SessionId> = batch.iter().map(|job| job.question).collect();
        let rows = sessions::Entity::find()
            .filter(sessions::Column::Id.is_in(in_a_few_sizes(&ids)))
            .find_both_related(users::Entity)
            .all(&connection)
            .await
            .map_err(store_error)?;
        let mut found = HashMap::with_capacity(rows.len());
        for (session, user) in rows {
            let session = Session::try_from(session)?;
            found.insert(session.id, (session, User::from(user)));
        }
        for job in batch {
            // Several callers may look up the same session.
            let found = found.get(&job.question).cloned();
            job.answer(Ok(found));
        }
        Ok(())
    }
}

/// Repeats the last id up to a power of two. A statement is prepared for each number of arguments, so few sizes are
/// better.
fn in_a_few_sizes(ids: &[SessionId]) -> impl Iterator<Item = Uuid> {
    let size = ids.len().next_power_of_two().min(MAX_BATCH);
    let last = ids.last().into_iter().cycle();
    ids.iter().chain(last).take(size).map(|id| id.as_uuid())
}
