use std::net::IpAddr;
use std::path::Path;
use std::sync::{LazyLock, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use inwren_domain::account::User;
use inwren_domain::credential::Account;
use inwren_domain::kernel::{Email, SessionId};
use inwren_domain::session::Session;
use rusqlite::{Connection, params};

use super::connection;
use super::rows::{self, all, user_by};
use crate::store::sql::entity::row::{Columns, TableRow};
use crate::store::sql::entity::users;

/// Connections for local reads on the caller's thread, each used by one caller at a time.
///
/// They never wait: if a lock or an unreadable row prevents a read, the caller falls back to the driver, whose threads
/// may wait.
pub(crate) struct Readers(Vec<Mutex<Option<Connection>>>);

static USER_BY_EMAIL: LazyLock<String> = LazyLock::new(|| user_by(users::Column::EmailNormalized));

const RECENT_ADDRESSES: &str = r#"SELECT DISTINCT "ip_address" FROM (SELECT "ip_address" FROM "sessions"
    WHERE "user_id" = (SELECT "id" FROM "users" WHERE "email_normalized" = ?1) AND "ip_address" IS NOT NULL
    ORDER BY "created_at" DESC LIMIT ?2) AS "newest""#;

impl Readers {
    /// Opens one connection per available CPU. If the file cannot be opened here, there are none.
    pub(crate) fn open(path: &Path) -> Self {
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

    /// Returns the session and its user in their current state. This and the other reads return `None` if the result is
    /// not available without waiting.
    pub(crate) fn session_with_user(&self, id: SessionId) -> Option<Option<(Session, User)>> {
        self.ask(|connection| rows::session_with_user(connection, id))?.ok()
    }

    /// Returns the account with this address.
    pub(crate) fn account_by_email(&self, email: &Email) -> Option<Option<Account>> {
        let found = self.ask(|connection| {
            all(connection, &USER_BY_EMAIL, params![email.normalized()], users::Model::read)
        })?;
        Some(found.into_iter().next().map(Account::from))
    }

    /// Returns the client addresses of the newest sessions of the user with this address.
    pub(crate) fn recent_addresses(&self, email: &Email, limit: u16) -> Option<Vec<IpAddr>> {
        let address = |columns: &mut Columns<'_>| columns.value::<String>();
        let found = self.ask(|connection| {
            all(connection, RECENT_ADDRESSES, params![email.normalized(), limit], address)
        })?;
        found.iter().map(|text| text.parse().ok()).collect()
    }

    fn ask<T>(&self, ask: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Option<T> {
        let reader = self.0.iter().find_map(|reader| match reader.try_lock() {
            Ok(reader) => Some(reader),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        })?;
        ask(reader.as_ref()?).ok()
    }

    /// Closes the file.
    pub(crate) fn close(&self) {
        for reader in &self.0 {
            drop(reader.lock().unwrap_or_else(PoisonError::into_inner).take());
        }
    }
}

fn open(path: &Path) -> rusqlite::Result<Connection> {
    let connection = connection::open(path, Duration::ZERO)?;
    connection.pragma_update(None, "query_only", true)?;
    Ok(connection)
}
