//! What every authenticated request and every login asks, asked of a SQLite file where the request is.
//!
//! The driver has a thread for each connection, and takes every value of a row from there to here one by one. For rows
//! that are found by a key, and lie in memory most of the time, that costs five times the reading itself. So there are
//! some connections here that are read from at once. They never wait: whatever stands in the way, a lock or a row that
//! cannot be read, is left to the driver, whose threads may wait.

use std::net::IpAddr;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use inwren_domain::model::{Email, Session, SessionId, User};
use rusqlite::{Connection, OpenFlags, Params, Row, params};
use sea_orm::{IdenStatic as _, Iterable as _};
use uuid::Uuid;

use super::entity::{sessions, users};
use super::timestamp::{Timestamp, from_micros};

type Found = Option<(Session, User)>;

/// Connections that are read from by whoever comes, and by one at a time.
pub(super) struct Readers(Vec<Mutex<Option<Connection>>>);

static SESSION_WITH_USER: LazyLock<String> = LazyLock::new(|| {
    let session = sessions::Column::iter().map(|column| format!("s.{}", column.as_str()));
    let columns: Vec<String> = session.chain(user_columns()).collect();
    format!(
        "SELECT {} FROM sessions AS s JOIN users AS u ON u.id = s.user_id WHERE s.id = ?1",
        columns.join(", ")
    )
});

static USER_BY_EMAIL: LazyLock<String> = LazyLock::new(|| {
    let columns: Vec<String> = user_columns().collect();
    format!("SELECT {} FROM \"users\" AS u WHERE u.\"email_normalized\" = ?1", columns.join(", "))
});

const RECENT_ADDRESSES: &str = r#"SELECT DISTINCT "ip_address" FROM (SELECT "ip_address" FROM "sessions"
    WHERE "user_id" = (SELECT "id" FROM "users" WHERE "email_normalized" = ?1) AND "ip_address" IS NOT NULL
    ORDER BY "created_at" DESC LIMIT ?2) AS "newest""#;

fn user_columns() -> impl Iterator<Item = String> {
    users::Column::iter().map(|column| format!("u.{}", column.as_str()))
}

impl Readers {
    /// As many as can be read from at the same time. A file that cannot be opened here has none.
    pub(super) fn open(path: &Path) -> Self {
        let count = std::thread::available_parallelism().map_or(1, usize::from);
        let opened = (0..count).map_while(|_| match open(path) {
            Ok(connection) => Some(Mutex::new(Some(connection))),
            Err(error) => {
                tracing::warn!(%error, "sessions are looked up by the driver alone");
                None
            }
        });
        Self(opened.collect())
    }

    /// The session and its user, as they are now. Here and below there is no answer where there is none without waiting.
    pub(super) fn session_with_user(&self, id: SessionId) -> Option<Found> {
        let uuid = id.as_uuid();
        let rows = self.rows(&SESSION_WITH_USER, params![uuid.as_bytes().as_slice()], |columns| {
            Ok((session(columns)?, user(columns)?))
        })?;
        let Some((session, user)) = rows.into_iter().next() else { return Some(None) };
        Some(Some((session.try_into().ok()?, user.try_into().ok()?)))
    }

    /// The user with this address.
    pub(super) fn user_by_email(&self, email: &Email) -> Option<Option<User>> {
        let rows = self.rows(&USER_BY_EMAIL, params![email.normalized()], user)?;
        rows.into_iter().next().map(|row| row.try_into().ok()).map_or(Some(None), |user| user.map(Some))
    }

    /// The client addresses of the newest sessions of the user with this address.
    pub(super) fn recent_addresses(&self, email: &Email, limit: u16) -> Option<Vec<IpAddr>> {
        let rows = self.rows(RECENT_ADDRESSES, params![email.normalized(), limit], |columns| {
            columns.value::<String>()
        })?;
        rows.iter().map(|text| text.parse().ok()).collect()
    }

    fn rows<T>(
        &self,
        question: &str,
        arguments: impl Params,
        read: impl Fn(&mut Columns<'_>) -> rusqlite::Result<T>,
    ) -> Option<Vec<T>> {
        let reader = self.0.iter().find_map(|reader| match reader.try_lock() {
            Ok(reader) => Some(reader),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        // As the driver logs its statements.
        tracing::event!(target: "sqlx::query", tracing::Level::DEBUG, db.statement = question);
        let mut statement = reader.as_ref()?.prepare_cached(question).ok()?;
        let rows = statement.query_map(arguments, |row| read(&mut Columns { row, next: 0 })).ok()?;
        rows.collect::<rusqlite::Result<_>>().ok()
    }

    /// Lets go of the file.
    pub(super) fn close(&self) {
        for reader in &self.0 {
            drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    // Without the mutex of SQLite: there is one of ours around each.
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    connection.busy_timeout(Duration::ZERO)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}

/// The values of a row, in the order in which the question names them.
struct Columns<'a> {
    row: &'a Row<'a>,
    next: usize,
}

impl Columns<'_> {
    fn value<T: rusqlite::types::FromSql>(&mut self) -> rusqlite::Result<T> {
        let place = self.next;
        self.next += 1;
        self.row.get(place)
    }

    fn id(&mut self) -> rusqlite::Result<Uuid> {
        self.value().map(Uuid::from_bytes)
    }

    fn time(&mut self) -> rusqlite::Result<Timestamp> {
        self.optional_time()?.ok_or(rusqlite::Error::InvalidQuery)
    }

    fn optional_time(&mut self) -> rusqlite::Result<Option<Timestamp>> {
        let Some(micros) = self.value::<Option<i64>>()? else { return Ok(None) };
        from_micros(micros).map(|time| Some(Timestamp(time))).ok_or(rusqlite::Error::InvalidQuery)
    }
}

// Fields are read in the order in which they stand here, which is that of the columns.

fn session(columns: &mut Columns<'_>) -> rusqlite::Result<sessions::Model> {
    Ok(sessions::Model {
        id: columns.id()?,
        user_id: columns.id()?,
        generation: columns.value()?,
        rekeyed_generation: columns.value()?,
        refresh_jti: columns.value()?,
        hashed_refresh_token: columns.value()?,
        previous_hashed_refresh_token: columns.value()?,
        rotated_at: columns.time()?,
        created_at: columns.time()?,
        authenticated_at: columns.time()?,
        last_used_at: columns.time()?,
        expires_at: columns.time()?,
        max_expires_at: columns.time()?,
        revoked_at: columns.optional_time()?,
        revoked_reason: columns.value()?,
        ip_address: columns.value()?,
        user_agent: columns.value()?,
    })
}

fn user(columns: &mut Columns<'_>) -> rusqlite::Result<users::Model> {
    Ok(users::Model {
        id: columns.id()?,
        email: columns.value()?,
        hashed_password: columns.value()?,
        is_active: columns.value()?,
        is_superuser: columns.value()?,
        tier: columns.value()?,
        created_at: columns.time()?,
        updated_at: columns.time()?,
        email_normalized: columns.value()?,
        credential_version: columns.value()?,
    })
}
