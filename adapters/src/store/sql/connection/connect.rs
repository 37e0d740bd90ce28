//! Opens database connections.

use std::fs::OpenOptions;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use inwren_domain::kernel::StoreError;
use sea_orm::sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions};
use sea_orm::sqlx::sqlite::{
    SqliteAutoVacuum, SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous,
};
use sea_orm::sqlx::{self, ConnectOptions as _, Connection as _};
use sea_orm::{SqlxPostgresConnector, SqlxSqliteConnector};

use super::connect_error::ConnectError;
use super::pool::Pool;
use super::statement_timeout::StatementTimeout;
use super::target::SqlTarget;
use crate::store::sql::file::{LARGEST_LOG, Lease, make_folder, warn_of_exposure};

/// Options of the connection pools and their timeouts.
#[derive(Clone, Debug)]
pub struct SqlOptions {
    /// Maximum number of connections to PostgreSQL, or of SQLite readers, which have one writer beside them.
    pub max_connections: u32,
    /// How long a caller waits for a connection.
    pub acquire_timeout: Duration,
    /// How long a statement waits for a lock.
    pub lock_timeout: Duration,
    /// How long a statement may take. PostgreSQL only: the server ends the statement, and this side gives up a moment
    /// later if the server does not answer.
    pub statement_timeout: Duration,
    /// How long a unit of work may be idle. PostgreSQL only.
    pub idle_in_transaction_timeout: Duration,
}

impl Default for SqlOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            // A request is answered within two seconds if the database is unavailable.
            acquire_timeout: Duration::from_millis(1_500),
            lock_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(4),
            // If an instance disappears silently, its locks end after this time.
            idle_in_transaction_timeout: Duration::from_secs(5),
        }
    }
}

/// The open pools. For PostgreSQL, both are the same pool.
pub(crate) struct Pools {
    pub(crate) writer: Pool,
    pub(crate) readers: Pool,
    pub(crate) file: Option<OpenFile>,
}

/// The open file of a SQLite database.
#[derive(Debug)]
pub(crate) struct OpenFile {
    pub(crate) path: PathBuf,
    /// Prevents other processes from replacing the file.
    _lease: Lease,
}

pub(crate) async fn connect(target: &SqlTarget, options: &SqlOptions) -> Result<Pools, ConnectError> {
    match target {
        SqlTarget::Postgres(target) => postgres(target.options(), options).await,
        SqlTarget::Sqlite(file) => sqlite(file.path(), options).await,
    }
}

/// A connection that has been idle for this long is pinged before use. Others are not, which saves a round trip. The
/// pool does not take back a connection that breaks in use.
const TRUSTED_WHILE_IDLE: Duration = Duration::from_secs(5);

/// How long a ping waits, which any server answers at once.
const MAX_PING: Duration = Duration::from_millis(500);
/// How late the database's report of a statement timeout may arrive.
const NEWS_LAG: Duration = Duration::from_millis(500);
/// How long this side waits for a statement if the URL sets its own statement timeout: as long as for a request.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

async fn postgres(target: PgConnectOptions, options: &SqlOptions) -> Result<Pools, ConnectError> {
    let named_by_url = target.get_options().is_some_and(|given| given.contains("statement_timeout"));
    let limit = if named_by_url { LONGEST_WAIT } else { options.statement_timeout + NEWS_LAG };
    let timeout = StatementTimeout::new(Some(limit));
    let observed = timeout.clone();
    let target = with_defaults(target, options);
    let pool = PgPoolOptions::new()
        .max_connections(options.max_connections)
        .acquire_timeout(options.acquire_timeout)
        .test_before_acquire(false)
        .before_acquire(|connection, meta| {
            Box::pin(async move {
                if meta.idle_for >= TRUSTED_WHILE_IDLE {
                    answer_to_ping(connection).await?;
                }
                Ok(true)
            })
        })
        // The pool's own ping would wait until the network gives the connection up, which takes a quarter of an hour.
        .after_release(move |connection, _| {
            let timed_out_recently = observed.timed_out_recently();
            Box::pin(async move {
                if timed_out_recently {
                    answer_to_ping(connection).await?;
                }
                Ok(true)
            })
        })
        .connect_with(target.clone())
        .await;
    let pool = match pool {
        Ok(pool) => {
            refuse_other_encodings(&pool).await?;
            Pool::new(SqlxPostgresConnector::from_sqlx_postgres_pool(pool), options.max_connections, timeout)
        }
        Err(sqlx::Error::PoolTimedOut) => return Err(reason(&target, options).await.into()),
        Err(error) => return Err(error.into()),
    };
    Ok(Pools { writer: pool.clone(), readers: pool, file: None })
}

/// Requires the encoding UTF-8. A server with another encoding converts the text, and fails at each character that its
/// encoding does not have.
async fn refuse_other_encodings(pool: &sqlx::PgPool) -> Result<(), ConnectError> {
    let encoding: String = sqlx::query_scalar("SHOW server_encoding").fetch_one(pool).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(ConnectError::Encoding(encoding)) }
}

async fn answer_to_ping(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    let silent = || sqlx::Error::Io(io::ErrorKind::TimedOut.into());
    tokio::time::timeout(MAX_PING, connection.ping()).await.unwrap_or_else(|_| Err(silent()))
}

/// Adds the settings that the URL does not set.
fn with_defaults(target: PgConnectOptions, options: &SqlOptions) -> PgConnectOptions {
    let millis = |timeout: Duration| timeout.as_millis().to_string();
    let settings = [
        ("default_transaction_isolation", "read committed".to_owned()),
        ("lock_timeout", millis(options.lock_timeout)),
        ("statement_timeout", millis(options.statement_timeout)),
        ("idle_in_transaction_session_timeout", millis(options.idle_in_transaction_timeout)),
        // The cost on any SSD. With its default the planner would rather collect and sort rows than read a few pages
        // from an index in order, if it expects few rows. It cannot know how many they are, because age and the other
        // filters are correlated.
        ("random_page_cost", "1.1".to_owned()),
    ];
    let given = target.get_options().unwrap_or_default().to_owned();
    let named = target.get_application_name().is_some();
    let target = if named { target } else { target.application_name("inwren") };
    target.options(settings.into_iter().filter(|(name, _)| !given.contains(name)))
}

/// Returns why the pool got no connection in time: the pool retries while a server refuses, and does not report the
/// refusal.
async fn reason(target: &PgConnectOptions, options: &SqlOptions) -> sqlx::Error {
    match tokio::time::timeout(options.acquire_timeout, target.connect()).await {
        Ok(Err(error)) => error,
        _ => sqlx::Error::PoolTimedOut,
    }
}

async fn sqlite(path: &Path, options: &SqlOptions) -> Result<Pools, ConnectError> {
    make_folder(path)?;
    let lease = Lease::share(path)?.ok_or(ConnectError::BeingRestored)?;
    let is_new = make_file(path)?;
    warn_of_exposure(path);
    let file =
        SqliteConnectOptions::new().filename(path).busy_timeout(options.lock_timeout).foreign_keys(true);
    let pool = || {
        SqlitePoolOptions::new()
            .acquire_timeout(options.acquire_timeout)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
    };
    let writer = pool()
        .max_connections(1)
        // On a full disk SQLite rolls back by itself, which leaves the driver with a wrong transaction count.
        .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
        .connect_with(for_writing(file.clone(), is_new))
        .await
        .map_err(locked)?;
    let readers =
        pool().max_connections(options.max_connections).connect_with(file.pragma("query_only", "ON")).await?;
    Ok(Pools {
        // The file answers at once, or SQLite waits for its lock as long as set above.
        writer: Pool::in_turns(
            SqlxSqliteConnector::from_sqlx_sqlite_pool(writer),
            StatementTimeout::new(None),
            options.acquire_timeout,
        ),
        readers: Pool::new(
            SqlxSqliteConnector::from_sqlx_sqlite_pool(readers),
            options.max_connections,
            StatementTimeout::new(None),
        ),
        file: Some(OpenFile { path: path.to_owned(), _lease: lease }),
    })
}

/// Maps a timeout on opening to a file that another process has locked.
fn locked(error: sqlx::Error) -> ConnectError {
    match error {
        sqlx::Error::PoolTimedOut => {
            StoreError::Busy("another process has locked the file".to_owned()).into()
        }
        error => error.into(),
    }
}

/// Adds the options that only the writer sets. Only an empty file can enable incremental vacuum; on other files the
/// setting would wait for their writers and change nothing.
fn for_writing(file: SqliteConnectOptions, is_new: bool) -> SqliteConnectOptions {
    let file = if is_new { file.auto_vacuum(SqliteAutoVacuum::Incremental) } else { file };
    file.journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        // SQLite truncates a log that has grown when it reuses it.
        .pragma("journal_size_limit", LARGEST_LOG.to_string())
}

/// Creates an empty file unless it exists, and returns whether it is empty. Only its owner may read it, because it will
/// hold password hashes. SQLite's files beside it get the same permissions.
fn make_file(path: &Path) -> io::Result<bool> {
    let mut create = OpenOptions::new();
    create.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut create, 0o600);
    match create.open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(std::fs::metadata(path)?.len() == 0),
        made => made.map(|_| true),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_url_sets_is_left_to_it() {
        let given = PgConnectOptions::new().options([("statement_timeout", "7s"), ("random_page_cost", "2")]);
        let options = with_defaults(given, &SqlOptions::default());
        let set = options.get_options().unwrap_or_default();
        assert!(set.contains("-c statement_timeout=7s") && !set.contains("statement_timeout=4000"));
        assert!(set.contains("-c random_page_cost=2") && !set.contains("random_page_cost=1.1"));
        assert!(set.contains("-c lock_timeout=3000"));
    }
}
