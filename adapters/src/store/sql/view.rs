use std::sync::Arc;

use super::connection::Connection;
use super::connection::pool::Pool;
use super::session_lookup::Lookups;

/// Reads from the pool, one statement after the other, each in its own transaction. So each sees everything that was
/// committed before it, and none costs the round trips of `BEGIN` and `COMMIT`.
pub(super) struct SqlView {
    connection: Connection<Pool>,
    lookups: Arc<Lookups>,
}

impl SqlView {
    pub(super) fn new(readers: Pool, lookups: Arc<Lookups>) -> Self {
        Self { connection: Connection::on(readers), lookups }
    }

    pub(super) fn connection(&self) -> &Connection<Pool> {
        &self.connection
    }

    pub(super) fn lookups(&self) -> &Lookups {
        &self.lookups
    }
}
