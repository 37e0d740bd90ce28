//! The store in a database: PostgreSQL or SQLite, through one set of statements.
//!
//! The way of a call: [`SqlStore`] hands out a view or a unit of work; these implement the ports, one file for each kind
//! of row (`users`, `sessions`, `audit`); their statements run over a `Connection`, which knows how a database keeps
//! times; what comes back is turned into the domain's types by the entities, and what fails by `error`.
//!
//! What every authenticated request asks, a session and its user, is asked for all who wait by one statement; on SQLite
//! it is read from the file at once, wherever nothing has to be waited for (`sqlite`).
//!
//! Where the two databases differ:
//!
//! - PostgreSQL locks rows. SQLite has one writer at a time, so that a unit of work begins with the lock on everything
//!   (`BEGIN IMMEDIATE`); readers go on meanwhile, each on a connection of its own.
//! - A rotation is one conditional statement on PostgreSQL, because each round trip costs more than all the rest. On
//!   SQLite a round trip costs nothing, and the rules are asked directly.
//! - Every commit waits for the disk, so rotations that come at the same time share one: a statement on PostgreSQL, a
//!   transaction on SQLite.
//! - A login opens its session, and a registration adds its user, by one statement on PostgreSQL, and on SQLite in a
//!   transaction that those who come at the same time share. These and the rotations are written past the driver there
//!   (`sqlite`).
//! - SQLite is a file, which is backed up, put back and kept small by what is in `file`.
//! - PostgreSQL keeps times as `timestamptz`, SQLite as whole microseconds since 1970.

mod audit;
mod batcher;
mod connect;
mod connect_error;
mod connection;
mod credentials;
mod database_clock;
mod deadline;
mod dialect;
mod entity;
mod error;
mod eviction;
mod file;
mod foreign;
mod keyset;
mod listing;
mod lookups;
mod opening_postgres;
mod patience;
mod pool;
mod registration_postgres;
mod rotation_postgres;
mod rows_postgres;
mod service_clients;
mod sessions;
mod snapshot;
mod sqlite;
mod store;
mod sweep;
mod target;
mod timestamp;
mod transfer;
mod unit;

mod users;
mod view;

pub use connect::SqlOptions;
pub use connect_error::ConnectError;
pub use file::{Contents, Deviation, FileError, SqliteFile, Staged, deviations};
pub use foreign::{ForeignDatabase, ForeignError, Place};
pub use store::SqlStore;
pub use target::{PostgresTarget, SqlTarget, TargetError};
