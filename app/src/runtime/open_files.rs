//! How many connections the system lets the service have.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::server::connections::reserve;
use crate::config::Config;

/// What the service opens besides clients and the database: the log, the listener, keys that are read again.
const OWN: u64 = 32;
/// What a connection to the database takes at most: SQLite opens three files for each.
const OF_A_DATABASE_CONNECTION: u64 = 3;
/// As many clients as are let in, however little the system allows.
const FEWEST: u64 = 16;
/// Most connections of the listener for metrics, and of that for health.
pub const AUXILIARY_CONNECTIONS: usize = 16;

/// How many clients may be connected at a time: as many as configured, or what the system's limit on open files leaves
/// beside the reserve, the other listeners and the database.
///
/// The limit is raised first as far as a process may raise it by itself.
pub fn client_connections(config: &Config) -> usize {
    let wanted = u64::try_from(config.max_connections).unwrap_or(u64::MAX);
    let listeners = [config.metrics_listen, config.health_listen].into_iter().flatten().count();
    let others = OWN
        + OF_A_DATABASE_CONNECTION * u64::from(config.database.max_connections)
        + u64::try_from(listeners * AUXILIARY_CONNECTIONS).unwrap_or(u64::MAX);
    let with_reserve = wanted.saturating_add(reserve_of(wanted));
    let limit = raised(getrlimit(Resource::Nofile), with_reserve.saturating_add(others));
    let allowed = limit.map_or(wanted, |limit| {
        let left = limit.saturating_sub(others);
        left.saturating_sub(reserve_of(left)).max(FEWEST).min(wanted)
    });
    if allowed < wanted {
        tracing::warn!(
            allowed,
            wanted,
            "the limit on open files (ulimit -n) allows fewer clients than MAX_CONNECTIONS"
        );
    }
    usize::try_from(allowed).unwrap_or(usize::MAX)
}

fn reserve_of(clients: u64) -> u64 {
    u64::try_from(reserve(usize::try_from(clients).unwrap_or(usize::MAX))).unwrap_or(u64::MAX)
}

/// Raises the limit so far that so many files can be open, or as far as it goes. `None` is no limit.
fn raised(limit: Rlimit, needed: u64) -> Option<u64> {
    let current = limit.current?;
    let possible = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if possible <= current {
        return Some(current);
    }
    let raised = Rlimit { current: Some(possible), maximum: limit.maximum };
    Some(if setrlimit(Resource::Nofile, raised).is_ok() { possible } else { current })
}
