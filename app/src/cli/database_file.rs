//! The file of a SQLite database, for the commands that copy it.

use super::error::Failed;
use crate::config::{Config, DatabaseKind};
use crate::wiring::sqlite_file::{Contents, SqliteFile};

/// What is in a backup, in a line.
pub(super) fn told(contents: &Contents) -> String {
    let Contents { bytes, migrations: _, users, sessions, service_clients, audit_events } = contents;
    format!(
        "{bytes} bytes: {users} users, {sessions} sessions, {service_clients} service clients, {audit_events} audit events"
    )
}

/// The database, if it is one that these commands are for.
pub(super) fn sqlite_file(config: &Config) -> Result<SqliteFile, Failed> {
    let DatabaseKind::Sql(url) = &config.database.kind else {
        return Err(Failed::Usage(
            "DATABASE_URL: a memory store keeps nothing, so there is nothing to back up".to_owned(),
        ));
    };
    match SqliteFile::of_url(url).map_err(Failed::because)? {
        Some(file) => Ok(file),
        None => Err(Failed::Usage(
            "DATABASE_URL is PostgreSQL, which brings its own tools: pg_dump and pg_restore. docs/operations.md shows how"
                .to_owned(),
        )),
    }
}
