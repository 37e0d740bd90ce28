use std::sync::LazyLock;

use inwren_domain::model::AuditEvent;
use rusqlite::{Connection, params_from_iter};

use super::super::entity::audit_events;
use super::rows::{event_values, insertion, statement};

static NEW_EVENT: LazyLock<String> = LazyLock::new(|| insertion::<audit_events::Column>("audit_events"));

/// Adds the event.
pub(super) fn record(connection: &Connection, event: &AuditEvent) -> rusqlite::Result<()> {
    let values = params_from_iter(event_values(event));
    statement(connection, &NEW_EVENT)?.execute(values).map(drop)
}
