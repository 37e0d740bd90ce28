use std::sync::Arc;

use inwren_domain::ports::{AuditReader, ReadView, ServiceClientReader, SessionReader, UserReader};

use super::connection::Connection;
use super::lookups::Lookups;
use super::pool::Pool;

/// Reads from the pool, one statement after the other and each in a transaction of its own: so each sees all that was
/// committed before it, and none costs the round trips of a `BEGIN` and a `COMMIT`.
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

impl ReadView for SqlView {
    fn users(&mut self) -> &mut dyn UserReader {
        self
    }

    fn sessions(&mut self) -> &mut dyn SessionReader {
        self
    }

    fn service_clients(&mut self) -> &mut dyn ServiceClientReader {
        self
    }

    fn audit(&mut self) -> &mut dyn AuditReader {
        self
    }
}
