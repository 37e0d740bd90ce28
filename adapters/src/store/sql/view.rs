use std::sync::Arc;

use super::connection::Connection;
use super::connection::pool::Pool;
use super::session_lookup::SessionLookup;

/// Reads from the pool, one statement after the other, each in its own transaction. So each sees everything that was
/// committed before it, and none costs the round trips of `BEGIN` and `COMMIT`.
pub(super) struct SqlView {
    connection: Connection<Pool>,
    session_lookup: Arc<SessionLookup>,
}

impl SqlView {
    pub(super) fn new(readers: Pool, session_lookup: Arc<SessionLookup>) -> Self {
        Self { connection: Connection::on(readers), session_lookup }
    }

    pub(super) fn connection(&self) -> &Connection<Pool> {
        &self.connection
    }

    pub(super) fn session_lookup(&self) -> &SessionLookup {
        &self.session_lookup
    }
}
