use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use inwren_domain::kernel::ClientNetwork;

/// Counts the requests per client network whose headers are read and whose bodies are not. Such requests hold memory
/// and sockets for as long as a body may take, so their number is limited before a body is read.
pub struct PendingBodies {
    max: usize,
    pending: Mutex<HashMap<ClientNetwork, usize>>,
}

impl PendingBodies {
    /// Allows each network an eighth of the connections in this state, and at least 64. An office in which all users
    /// send a request at the same moment stays below.
    pub fn new(max_connections: usize) -> Self {
        Self { max: (max_connections / 8).max(64), pending: Mutex::default() }
    }

    /// Counts one more request until the guard is dropped. Returns `None` if the network is at its limit.
    pub(super) fn begin(&self, network: ClientNetwork) -> Option<PendingBody<'_>> {
        let mut pending = self.lock();
        let count = pending.entry(network).or_default();
        if *count >= self.max {
            return None;
        }
        *count += 1;
        Some(PendingBody { all: self, network })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientNetwork, usize>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Guard of a request that waits for its body.
pub(super) struct PendingBody<'a> {
    all: &'a PendingBodies,
    network: ClientNetwork,
}

impl Drop for PendingBody<'_> {
    fn drop(&mut self) {
        let mut pending = self.all.lock();
        if let Some(count) = pending.get_mut(&self.network) {
            *count -= 1;
            if *count == 0 {
                pending.remove(&self.network);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn one_network_is_bounded_and_others_are_not() {
        let bodies = PendingBodies::new(4_096);
        let network = |last| ClientNetwork::of(IpAddr::from([192, 0, 2, last]));
        let mut office: Vec<_> = (0..512).map(|_| bodies.begin(network(1)).unwrap()).collect();
        assert!(bodies.begin(network(1)).is_none());
        assert!(bodies.begin(network(2)).is_some());
        office.pop();
        let again = bodies.begin(network(1));
        assert!(again.is_some() && bodies.begin(network(1)).is_none());
        drop((office, again));
        assert!(bodies.lock().is_empty(), "a network without such requests takes no memory");
    }
}
