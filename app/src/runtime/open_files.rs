//! The number of connections that the limit on open files allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::server::connections::reserve;
use crate::config::Config;

/// Files that the service opens itself: the log, the listener, and keys that are read again.
const OWN: u64 = 32;
/// Most files per database connection: SQLite opens three.
const OF_A_DATABASE_CONNECTION: u64 = 3;
/// The minimum number of clients, however low the limit is.
const FEWEST: u64 = 16;
/// Maximum number of connections of the metrics listener, and of the health listener.
pub const AUXILIARY_CONNECTIONS: usize = 16;

/// The maximum number of client connections: the configured number, or less if the limit on open files is lower. The
/// reserve, the other listeners and the database are deducted from that limit.
///
/// It first raises the limit as far as the process may.
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

/// Raises the soft limit to the needed number, or as far as the hard limit allows. `None` means that there is no limit.
fn raised(limit: Rlimit, needed: u64) -> Option<u64> {
    let current = limit.current?;
    let possible = limit.maximum.map_or(needed, |maximum| maximum.min(needed));
    if possible <= current {
        return Some(current);
    }
    let raised = Rlimit { current: Some(possible), maximum: limit.maximum };
    Some(if setrlimit(Resource::Nofile, raised).is_ok() { possible } else { current })
}
