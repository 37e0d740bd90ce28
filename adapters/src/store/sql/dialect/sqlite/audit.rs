use std::sync::LazyLock;

use inwren_domain::audit::AuditEvent;
use rusqlite::Connection;

use super::rows::{insert, insertion};
use crate::store::sql::entity::audit_events::{Entity, Model};

static NEW_EVENT: LazyLock<String> = LazyLock::new(insertion::<Entity>);

/// Inserts the event.
pub(super) fn record(connection: &Connection, event: &AuditEvent) -> rusqlite::Result<()> {
    insert(connection, &NEW_EVENT, Model::from(event)).map(drop)
}
