//! The store in a SQL database: PostgreSQL or SQLite, through one set of statements.
//!
//! [`SqlStore`] returns a view (`view`) or a unit of work (`unit`). These implement the ports, in one file per feature
//! (`account`, `session`, `client`, `audit`). Their statements run on a `Connection`, which knows how each database
//! stores times. The entities (`entity`) convert rows to domain types; `connection::error` converts failures.
//!
//! - `connection`: URL, connecting, pools, timeouts, errors.
//! - `dialect`: statements that only one of the databases runs, and SQLite access that bypasses the driver.
//! - `file`: backup, restore and maintenance of a SQLite file.
//! - `import_source`: the users table of a legacy service.
//!
//! Every authenticated request reads a session and its user (`session_lookup`). Concurrent lookups share one statement;
//! on SQLite they read the file directly when that needs no waiting.
//!
//! The databases differ as follows:
//!
//! - PostgreSQL locks rows. SQLite has one writer at a time, so a unit of work takes the lock on the whole database
//!   when it begins (`BEGIN IMMEDIATE`). Readers continue meanwhile, each on its own connection.
//! - On PostgreSQL a rotation is one conditional statement, because round trips dominate its cost. On SQLite a round
//!   trip costs nothing, so the rules run in Rust.
//! - Every commit waits for the disk, so concurrent rotations share one: a statement on PostgreSQL, a transaction on
//!   SQLite.
//! - A login starts its session, and a registration inserts its user, in one statement on PostgreSQL. On SQLite,
//!   concurrent ones share a transaction that bypasses the driver.
//! - PostgreSQL stores times as `timestamptz`, SQLite as whole microseconds since 1970.

mod account;
mod account_export;
mod account_import;
mod account_list;
mod action_token;
mod audit;
mod challenge;
mod client;
mod connection;
mod credential;
mod dialect;
mod entity;
mod factor;
mod factor_budget;
mod file;
mod import_source;
mod keyset;
mod maintenance;
mod outbox;
mod pending_registration;
mod provider;
mod session;
mod session_eviction;
mod session_lookup;
mod store;
mod sweep;
mod trusted_device;
mod unit;
mod view;

pub use connection::connect::SqlOptions;
pub use connection::connect_error::ConnectError;
pub use connection::target::{PostgresTarget, SqlTarget, TargetError};
pub use file::{Contents, Deviation, FileError, SqliteFile, Staged, deviations};
pub use import_source::{Place, SourceDatabase, SourceError};
pub use store::SqlStore;
