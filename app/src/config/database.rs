//! Settings of the database.

use inwren_adapters::store::sql::{SqlTarget, TargetError};

use super::source::Source;
use super::value::{self, seconds};

/// The database, and how to connect to it.
#[derive(Clone, Debug)]
pub struct Database {
    /// The kind of storage and its location.
    pub target: DatabaseTarget,
    /// Maximum number of connections.
    pub max_connections: u32,
    /// How long startup waits for the database.
    pub connect_timeout: std::time::Duration,
}

/// A database, from `DATABASE_URL`. Neither `Display` nor `Debug` shows a password.
#[derive(Clone, Debug)]
pub enum DatabaseTarget {
    /// In memory: all data is lost when the process ends.
    Memory,
    /// PostgreSQL or SQLite.
    Sql(SqlTarget),
}

impl std::fmt::Display for DatabaseTarget {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory => f.write_str("memory:"),
            Self::Sql(target) => write!(f, "{target}"),
        }
    }
}

pub(super) fn database(source: &mut Source, production: bool) -> Option<Database> {
    let target = database_target(source);
    if production && matches!(target, Some(DatabaseTarget::Memory)) {
        source.refuse("DATABASE_URL", "must be a persistent database in production");
    }
    let max_connections = source.parse("DATABASE_MAX_CONNECTIONS", value::number(1..=1_000_u32));
    let connect_timeout = source.parse("DATABASE_CONNECT_TIMEOUT", seconds);
    Some(Database { target: target?, max_connections: max_connections?, connect_timeout: connect_timeout? })
}

fn database_target(source: &mut Source) -> Option<DatabaseTarget> {
    let parsed = source.parse("DATABASE_URL", |text| match text {
        "memory:" | "memory://" => Some(Ok(DatabaseTarget::Memory)),
        _ => match SqlTarget::parse(text) {
            Err(TargetError::UnknownScheme) => None,
            parsed => Some(parsed.map(DatabaseTarget::Sql)),
        },
    })?;
    parsed.map_err(|error| source.refuse("DATABASE_URL", &error.to_string())).ok()
}
