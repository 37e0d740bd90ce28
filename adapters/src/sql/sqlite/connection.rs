use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Opens a file that is there. It waits so long for a lock that somebody else holds.
pub(super) fn open(path: &Path, lock_timeout: Duration) -> rusqlite::Result<Connection> {
    // Without the mutex of SQLite: there is one of ours around each.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(lock_timeout)?;
    Ok(connection)
}
