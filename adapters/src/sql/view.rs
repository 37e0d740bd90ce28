use inwren_domain::ports::{AuditReader, ReadView, ServiceClientReader, SessionReader, UserReader};
use sea_orm::DatabaseConnection;

use super::connection::Connection;

/// Reads from the pool, one statement after the other and each in a transaction of its own: so each sees all that was
/// committed before it, and none costs the round trips of a `BEGIN` and a `COMMIT`.
pub(super) struct SqlView(Connection<DatabaseConnection>);

impl SqlView {
    pub(super) fn new(readers: DatabaseConnection) -> Self {
        Self(Connection::new(readers))
    }

    pub(super) fn connection(&self) -> &Connection<DatabaseConnection> {
        &self.0
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
