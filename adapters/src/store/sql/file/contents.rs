use std::path::Path;

use sea_orm::sqlx::{ConnectOptions as _, Connection as _, SqliteConnection, query_scalar};

use super::error::{FileError, database, io};
use super::options;

/// Contents of a database file that was found intact and that no process writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contents {
    /// Size of the file.
    pub bytes: u64,
    /// Applied migrations, oldest first.
    pub migrations: Vec<String>,
    /// Number of users.
    pub users: u64,
    /// Number of sessions, including ended ones.
    pub sessions: u64,
    /// Number of clients.
    pub clients: u64,
    /// Number of audit events.
    pub audit_events: u64,
}

/// Checks the whole file, and counts its rows.
pub(super) async fn inspect(path: &Path) -> Result<Contents, FileError> {
    let bytes = std::fs::metadata(path).map_err(io(path))?.len();
    // Immutable, so that SQLite creates no files beside it in any journal mode.
    let file = options(path).read_only(true).immutable(true);
    let mut connection = file.connect().await.map_err(database(path))?;
    let contents = read(path, &mut connection, bytes).await;
    connection.close().await.map_err(database(path))?;
    contents
}

async fn read(path: &Path, connection: &mut SqliteConnection, bytes: u64) -> Result<Contents, FileError> {
    let damaged = |what: String| FileError::Damaged { path: path.to_owned(), what };
    let verdict: Vec<String> = query_scalar("PRAGMA integrity_check(1)")
        .fetch_all(&mut *connection)
        .await
        .map_err(database(path))?;
    match verdict.first().map(String::as_str) {
        Some("ok") => {}
        verdict => return Err(damaged(verdict.unwrap_or("no answer").to_owned())),
    }
    let orphans: Option<String> = query_scalar("PRAGMA foreign_key_check")
        .fetch_optional(&mut *connection)
        .await
        .map_err(database(path))?;
    if let Some(table) = orphans {
        return Err(damaged(format!("a row of {table} belongs to none")));
    }
    let mut count = async |table, sql| {
        let found: i64 = query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?")
            .bind(table)
            .fetch_one(&mut *connection)
            .await
            .map_err(database(path))?;
        // A later migration than those of this file may create the table.
        if found == 0 {
            return Ok(None);
        }
        let rows: i64 = query_scalar(sql).fetch_one(&mut *connection).await.map_err(database(path))?;
        Ok::<_, FileError>(Some(rows.unsigned_abs()))
    };
    let migrations = count("seaql_migrations", "SELECT count(*) FROM seaql_migrations").await?;
    let users = count("users", "SELECT count(*) FROM users").await?;
    let (Some(_), Some(users)) = (migrations, users) else {
        return Err(FileError::Foreign(path.to_owned()));
    };
    let sessions = count("sessions", "SELECT count(*) FROM sessions").await?.unwrap_or_default();
    let clients = count("clients", "SELECT count(*) FROM clients").await?;
    // The table of earlier releases.
    let services = count("service_clients", "SELECT count(*) FROM service_clients").await?;
    let clients = clients.or(services).unwrap_or_default();
    let audit_events = count("audit_events", "SELECT count(*) FROM audit_events").await?.unwrap_or_default();
    let migrations = query_scalar("SELECT version FROM seaql_migrations ORDER BY version")
        .fetch_all(connection)
        .await
        .map_err(database(path))?;
    Ok(Contents { bytes, migrations, users, sessions, clients, audit_events })
}
