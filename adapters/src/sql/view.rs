use std::sync::Arc;

use inwren_domain::ports::{AuditReader, ReadView, ServiceClientReader, SessionReader, UserReader};
use sea_orm::DatabaseConnection;

use super::connection::Connection;
use super::lookups::Lookups;
use super::patience::Patience;

/// Reads from the pool, one statement after the other and each in a transaction of its own: so each sees all that was
/// committed before it, and none costs the round trips of a `BEGIN` and a `COMMIT`.
pub(super) struct SqlView {
    connection: Connection<DatabaseConnection>,
    lookups: Arc<Lookups>,
}

impl SqlView {
    pub(super) fn new(readers: DatabaseConnection, patience: Patience, lookups: Arc<Lookups>) -> Self {
        Self { connection: Connection::new(readers, patience), lookups }
    }

    pub(super) fn connection(&self) -> &Connection<DatabaseConnection> {
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
