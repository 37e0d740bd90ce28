use async_trait::async_trait;

use crate::kernel::{StoreError, UserId};

/// Maintains a database: its schema, its disk space and its connections. A store in memory has none of these.
#[async_trait]
pub trait Maintenance: Send + Sync {
    /// Whether this release can work with the schema. It MUST write nothing.
    async fn schema(&self) -> Result<Schema, MigrationError>;

    /// Every migration of this release, oldest first. It MUST write nothing.
    async fn migrations(&self) -> Result<Vec<Migration>, MigrationError>;

    /// Applies the pending migrations and returns their names, oldest first. It MUST apply all of them or, on an error,
    /// none. Of several concurrent callers exactly one MUST apply them; the others wait, and get an empty list.
    async fn migrate_up(&self) -> Result<Vec<String>, MigrationError>;

    /// Reverts the last `steps` applied migrations and returns their names, newest first. The data in the tables and
    /// columns that they added is lost.
    async fn migrate_down(&self, steps: u32) -> Result<Vec<String>, MigrationError>;

    /// Renames another service's table `users` to `name`, and applies all migrations. It MUST do both or, on an error,
    /// neither, and MUST keep every row of the table.
    async fn set_users_aside(&self, name: &'static str) -> Result<(), MigrationError>;

    /// The users whose address a migration could not convert. It MUST write nothing.
    async fn former_addresses(&self) -> Result<Vec<FormerAddress>, MigrationError>;

    /// Returns some unused space to the file system, and reports the number of bytes: zero if little is left. A call
    /// delays writers for some milliseconds, so callers repeat it; repeated calls MUST arrive at zero. It MUST keep all
    /// rows.
    async fn vacuum(&self) -> Result<u64, StoreError>;

    /// Bounds the size of a write-ahead log that has grown too long. It MUST keep all committed data.
    async fn checkpoint(&self) -> Result<Checkpoint, StoreError>;

    /// Usage of the connection pools. A unit of work MUST count as a connection in use until it ends.
    fn pools(&self) -> Vec<PoolMetrics>;
}

/// The state of a database's schema, as seen by this release.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Schema {
    /// All migrations are applied. A newer release may have applied more.
    Current,
    /// These migrations are pending, oldest first.
    Behind(Vec<String>),
    /// The table `users` belongs to another service.
    Foreign,
}

/// A schema migration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Its name, which sorts by age.
    pub name: String,
    /// Whether it is applied.
    pub is_applied: bool,
}

/// A user whose normalised address still has the form of an earlier release.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormerAddress {
    /// The user.
    pub user: UserId,
    /// The other user who has the ASCII form of the address. `None` if the domain has no ASCII form, or if an instance
    /// of the earlier release has just written the row.
    pub holder: Option<UserId>,
}

/// The outcome of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checkpoint {
    /// The log is within its size limit.
    Done,
    /// Readers still use the log, which stays too long.
    Blocked,
}

/// Usage of a connection pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolMetrics {
    /// The pool: `all` of PostgreSQL, `writer` and `readers` of SQLite.
    pub name: &'static str,
    /// Maximum number of connections.
    pub max: u32,
    /// Connections in use.
    pub in_use: u32,
    /// Open connections that are free.
    pub idle: u32,
    /// Callers that wait for a connection.
    pub waiting: u32,
}

/// Why the schema could not be read or changed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
pub struct MigrationError(pub String);
