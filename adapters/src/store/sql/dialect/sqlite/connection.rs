use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

/// Opens an existing file. Statements wait at most this long for a lock.
pub(crate) fn open(path: &Path, lock_timeout: Duration) -> rusqlite::Result<Connection> {
    // Disables SQLite's own mutex, because no connection is used concurrently.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(lock_timeout)?;
    Ok(connection)
}

#[cfg(test)]
mod tests {
    use rusqlite::StatementStatus;

    use super::*;

    /// Tests the SQLite build that Cargo's configuration produces.
    #[test]
    fn no_statement_is_prepared_anew_for_other_values() {
        let connection = Connection::open_in_memory().unwrap();
        connection.execute_batch("CREATE TABLE numbers (number INTEGER PRIMARY KEY)").unwrap();
        let mut some = connection.prepare("SELECT number FROM numbers WHERE number > ?1 LIMIT ?2").unwrap();
        for limit in 1..10 {
            some.query_map([limit, limit], |row| row.get::<_, i64>(0)).unwrap().for_each(drop);
        }
        assert_eq!(some.get_status(StatementStatus::RePrepare), 0);
    }
}
