//! Shares the server's connections between client networks.
//!
//! Below three quarters of the limit, a network may hold any number of connections. From there on the server closes one
//! connection for each new one. It takes the network that holds the most, and closes the connection that has waited
//! longest for its client. So one client that opens thousands of connections competes with itself, and all others are
//! served.
//!
//! If all connections of that network are being answered, another network has to give one up. Such a connection is
//! spared in its first second, because its client may be about to send the request: while there is room, nothing is
//! closed; without room, a connection that is being answered is closed instead, if its network holds more than an equal
//! share.
//!
//! A connection waits for its client while a PROXY header, a TLS handshake, a request or its body is incomplete, while
//! the client receives a response, and between two requests. It does not wait while a complete request is answered.
//! Trickling bytes do not shorten the wait: it is measured from the end of the last response, or of the headers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::{AbortHandle, AbortRegistration};
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many milliseconds a connection that waits for its client is spared, if its network holds no more than an equal
/// share.
const SPARED: u64 = 1_000;

/// Milliseconds between two warnings that connections are closed for new ones.
const WARNING_INTERVAL: u64 = 60_000;

/// All connections of a listener.
pub struct Connections {
    name: &'static str,
    /// The networks that are exempt in addition to the loopback. `None` exempts not even the loopback.
    exempt: Option<Vec<IpNet>>,
    permits: Arc<Semaphore>,
    max: usize,
    /// The origin of all times, which are in milliseconds.
    start: Instant,
    next_id: AtomicU64,
    table: Mutex<Table>,
    shed_waiting: AtomicU64,
    shed_answering: AtomicU64,
    refused: AtomicU64,
}

/// The number of connections, and how many were closed for others.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionMetrics {
    /// Open now.
    pub open: usize,
    /// The maximum, without the reserve for exempt networks.
    pub max: usize,
    /// Connections closed for a new one while they waited for their client.
    pub shed_waiting: u64,
    /// Connections closed for a new one while a request was being answered.
    pub shed_answering: u64,
    /// New connections that were closed immediately.
    pub refused: u64,
}

/// Places beyond `max` that only exempt networks can take: one in 32, at least 8.
pub fn reserve(max: usize) -> usize {
    (max / 32).max(8)
}

impl Connections {
    /// At most `max` connections of clients. Connections of the loopback and of trusted proxies are never closed for
    /// others, and have a [`reserve`] beyond `max`.
    pub fn of_clients(max: usize, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        Self::new("MAX_CONNECTIONS", max, Some(trusted_proxies), reserve(max))
    }

    /// At most `max` connections, none of them exempt. Warnings name the setting `name`.
    pub fn without_exemptions(name: &'static str, max: usize) -> Arc<Self> {
        Self::new(name, max, None, 0)
    }

    fn new(name: &'static str, max: usize, exempt: Option<Vec<IpNet>>, reserve: usize) -> Arc<Self> {
        Arc::new(Self {
            name,
            exempt,
            permits: Arc::new(Semaphore::new(max.saturating_add(reserve))),
            max,
            start: Instant::now(),
            next_id: AtomicU64::new(0),
            table: Mutex::new(Table::new(max)),
            shed_waiting: AtomicU64::new(0),
            shed_answering: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        })
    }

    /// The current load of the listener.
    pub fn metrics(&self) -> ConnectionMetrics {
        ConnectionMetrics {
            open: self.table().total,
            max: self.max,
            shed_waiting: self.shed_waiting.load(Ordering::Relaxed),
            shed_answering: self.shed_answering.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Waits until there is room for one more socket. It never returns `None`, because the semaphore is never closed.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// Like [`permit`](Self::permit), but without waiting.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Admits a connection. Under pressure, it closes another one. `None` if the new connection has to be closed
    /// instead.
    ///
    /// The returned registration aborts the connection's future when the connection has to make room.
    pub(super) fn admit(
        self: &Arc<Self>,
        peer: IpAddr,
        permit: OwnedSemaphorePermit,
    ) -> Option<(Slot, AbortRegistration)> {
        let (abort, registration) = AbortHandle::new_pair();
        let now = self.now();
        let progress = Arc::new(Progress {
            id: self.next_id.fetch_add(1, Ordering::Relaxed),
            state: AtomicU64::new(waiting_since(now)),
            queued: AtomicU64::new(now),
            abort,
        });
        let connections = Arc::clone(self);
        let mut slot = Slot { connections, progress, holder: Holding::Nothing, _permit: permit };
        slot.hold(peer).then_some((slot, registration))
    }

    fn now(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX >> FLAG_BITS)
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_exempt(&self, address: IpAddr) -> bool {
        let contains = |networks: &Vec<IpNet>| networks.iter().any(|network| network.contains(&address));
        self.exempt.as_ref().is_some_and(|networks| address.is_loopback() || contains(networks))
    }

    /// Carries out an admission: updates the counters, closes the displaced connection, and warns at most once a
    /// minute.
    fn carry_out(&self, admission: &Admission) {
        let (counter, warn) = match admission {
            Admission::Free => return,
            Admission::Displaced { victim, was_answering, warn, .. } => {
                victim.abort.abort();
                (if *was_answering { &self.shed_answering } else { &self.shed_waiting }, *warn)
            }
            Admission::Refused { warn } => (&self.refused, *warn),
        };
        counter.fetch_add(1, Ordering::Relaxed);
        if warn {
            let network = match admission {
                Admission::Displaced { network, .. } => Some(tracing::field::display(*network)),
                _ => None,
            };
            tracing::warn!(
                limit = self.name,
                max = self.max,
                network,
                "closing connections for new ones, first those of the network with the most"
            );
        }
    }
}

/// The network of a client: the IPv4 address, or the /48 of an IPv6 address, because one customer may have a whole /48.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// The place of a connection. It is released on drop.
pub(super) struct Slot {
    connections: Arc<Connections>,
    progress: Arc<Progress>,
    holder: Holding,
    _permit: OwnedSemaphorePermit,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holding {
    Nothing,
    Exempt,
    Network(IpAddr),
}

impl Slot {
    /// Counts the connection for the client named by the PROXY header. `false` if the connection has to be closed.
    pub(super) fn reassign(&mut self, client: IpAddr) -> bool {
        self.release();
        self.hold(client)
    }

    fn hold(&mut self, client: IpAddr) -> bool {
        let client = client.to_canonical();
        let now = self.connections.now();
        let (admission, holding) = if self.connections.is_exempt(client) {
            (self.connections.table().admit_exempt(now), Holding::Exempt)
        } else {
            let network = network_of(client);
            (self.connections.table().admit(network, &self.progress, now), Holding::Network(network))
        };
        self.connections.carry_out(&admission);
        let is_admitted = !matches!(admission, Admission::Refused { .. });
        if is_admitted {
            self.holder = holding;
        }
        is_admitted
    }

    fn release(&mut self) {
        match std::mem::replace(&mut self.holder, Holding::Nothing) {
            Holding::Nothing => {}
            Holding::Exempt => self.connections.table().total -= 1,
            Holding::Network(network) => self.connections.table().remove(network, &self.progress),
        }
    }

    /// Marks that the headers of a request are complete, but its body is not.
    pub(super) fn reads_body(&self) {
        self.waits();
    }

    /// Marks that the request is complete.
    pub(super) fn answers(&self) {
        if let Holding::Network(_) = self.holder {
            self.progress.answers();
        }
    }

    /// Marks that the response is being sent. The next request may follow.
    pub(super) fn waits(&self) {
        let Holding::Network(network) = self.holder else { return };
        let now = self.connections.now();
        if self.progress.waits(now) {
            self.connections.table().unpark(network, &self.progress, now);
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.release();
    }
}

/// The number of low bits of a state that are flags. The other bits are a time.
const FLAG_BITS: u32 = 2;
/// A complete request is being answered.
const ANSWERING: u64 = 1;
/// The table lists the connection as being answered.
const PARKED: u64 = 2;

fn waiting_since(now: u64) -> u64 {
    now << FLAG_BITS
}

/// The progress of a connection. Requests update it without a lock; the table catches up when it looks for a connection
/// to close.
struct Progress {
    id: u64,
    state: AtomicU64,
    /// The time under which the table lists the connection as waiting. It is accessed only under the lock of the table.
    queued: AtomicU64,
    abort: AbortHandle,
}

impl Progress {
    fn answers(&self) {
        // A parked connection has this flag already.
        self.state.fetch_or(ANSWERING, Ordering::AcqRel);
    }

    /// Marks the connection as waiting. `true` if the table has to be updated.
    fn waits(&self, now: u64) -> bool {
        self.state.swap(waiting_since(now), Ordering::AcqRel) & PARKED != 0
    }

    /// The time since when the connection waits. If it is being answered, marks it as parked and returns `None`.
    fn waiting_or_parked(&self) -> Option<u64> {
        let park = |state| (state & ANSWERING != 0).then_some(state | PARKED);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, park) {
            Ok(_) => None,
            Err(state) => Some(state >> FLAG_BITS),
        }
    }
}

/// The decision about a new connection.
enum Admission {
    Free,
    Displaced { victim: Arc<Progress>, network: IpAddr, was_answering: bool, warn: bool },
    Refused { warn: bool },
}

/// A connection to close, and its network.
type Victim = (IpAddr, Arc<Progress>);

/// The place for a new connection.
enum Room {
    Free,
    Closing { victim: Victim, is_answering: bool },
    Nowhere,
}

/// The connections by network. Every operation takes logarithmic time, amortised over requests and new connections.
struct Table {
    max: usize,
    /// Number of all connections, including exempt ones.
    total: usize,
    last_warning: Option<u64>,
    holders: HashMap<IpAddr, Holder>,
    /// All networks, by number of connections.
    by_count: BTreeSet<(usize, IpAddr)>,
    /// The networks with a connection that may wait, by number of connections, then by how long one of them has waited.
    /// The last network is the first to give one up.
    by_wait: BTreeSet<(usize, Reverse<u64>, IpAddr)>,
}

impl Table {
    fn new(max: usize) -> Self {
        Self {
            max,
            total: 0,
            last_warning: None,
            holders: HashMap::new(),
            by_count: BTreeSet::new(),
            by_wait: BTreeSet::new(),
        }
    }

    fn is_under_pressure(&self) -> bool {
        self.total >= self.max - self.max / 4
    }

    fn is_full(&self) -> bool {
        self.total >= self.max
    }

    /// Whether a network holds more than an equal share: the places divided among all present networks and one more.
    fn has_large_share(&self, network: IpAddr) -> bool {
        let count = self.holders.get(&network).map_or(0, Holder::count);
        count > self.max / (self.holders.len() + 1)
    }

    /// Admits a connection of an exempt network, whatever the number of connections. The permits bound that number.
    fn admit_exempt(&mut self, now: u64) -> Admission {
        let victim = if self.is_under_pressure() { self.waiting_victim(None) } else { None };
        let victim = victim.filter(|victim| !self.is_spared(victim, now));
        let admission = self.displace(victim, false, now);
        self.total += 1;
        admission
    }

    fn admit(&mut self, network: IpAddr, progress: &Arc<Progress>, now: u64) -> Admission {
        let admission = match self.room_for(network, now) {
            Room::Free => Admission::Free,
            Room::Closing { victim, is_answering } => self.displace(Some(victim), is_answering, now),
            Room::Nowhere => return Admission::Refused { warn: self.is_time_to_warn(now) },
        };
        self.edit(network, |holder| holder.queue(Arc::clone(progress), now));
        self.total += 1;
        admission
    }

    fn room_for(&mut self, newcomer: IpAddr, now: u64) -> Room {
        if !self.is_under_pressure() {
            return Room::Free;
        }
        let waiting = self.waiting_victim(Some(newcomer));
        let is_spared = waiting.as_ref().is_some_and(|victim| self.is_spared(victim, now));
        match waiting {
            Some(victim) if !is_spared => Room::Closing { victim, is_answering: false },
            _ if !self.is_full() => Room::Free,
            waiting => {
                let answering = self.answering_victim(newcomer);
                let answering =
                    answering.filter(|(network, _)| waiting.is_none() || self.has_large_share(*network));
                match (answering, waiting) {
                    (Some(victim), _) => Room::Closing { victim, is_answering: true },
                    (None, Some(victim)) => Room::Closing { victim, is_answering: false },
                    (None, None) => Room::Nowhere,
                }
            }
        }
    }

    fn is_spared(&self, (network, progress): &Victim, now: u64) -> bool {
        let since = progress.state.load(Ordering::Acquire) >> FLAG_BITS;
        now.saturating_sub(since) < SPARED && !self.has_large_share(*network)
    }

    fn remove(&mut self, network: IpAddr, progress: &Progress) {
        if self.edit(network, |holder| holder.remove(progress)) {
            self.total -= 1;
        }
    }

    /// Moves a connection whose request has been answered back to the waiting ones.
    fn unpark(&mut self, network: IpAddr, progress: &Arc<Progress>, now: u64) {
        self.edit(network, |holder| {
            if holder.answering.remove(&progress.id).is_some() {
                holder.queue(Arc::clone(progress), now);
            }
        });
    }

    /// Finds the longest-waiting connection of the network that holds the most. If the new connection's network holds
    /// as many, it is taken from that network.
    fn waiting_victim(&mut self, newcomer: Option<IpAddr>) -> Option<Victim> {
        loop {
            let first = *self.by_wait.last()?;
            let (count, _, network) = first;
            if let Some(own) = newcomer.filter(|own| *own != network) {
                let own_count = self.holders.get(&own).map_or(0, Holder::count);
                if own_count >= count {
                    let victim = self.edit(own, Holder::longest_waiting);
                    if victim.is_some() || own_count > count {
                        return victim.map(|victim| (own, victim));
                    }
                }
            }
            let victim = self.edit(network, Holder::longest_waiting);
            // The lookup has corrected outdated entries, so another network may be first now.
            if let Some(victim) = victim.filter(|_| self.by_wait.last() == Some(&first)) {
                return Some((network, victim));
            }
        }
    }

    /// Finds a connection that is being answered, if no waiting connection may be closed. Its network is the one that
    /// holds the most, and must still hold as many as the network of the new connection afterwards.
    fn answering_victim(&mut self, newcomer: IpAddr) -> Option<Victim> {
        let own_count = self.holders.get(&newcomer).map_or(0, Holder::count);
        let (_, network) = *self.by_count.last().filter(|(count, _)| *count >= own_count + 2)?;
        let (_, victim) = self.holders.get(&network)?.answering.first_key_value()?;
        Some((network, Arc::clone(victim)))
    }

    fn displace(&mut self, victim: Option<Victim>, was_answering: bool, now: u64) -> Admission {
        let Some((network, victim)) = victim else { return Admission::Free };
        self.remove(network, &victim);
        Admission::Displaced { victim, network, was_answering, warn: self.is_time_to_warn(now) }
    }

    fn is_time_to_warn(&mut self, now: u64) -> bool {
        let is_time = self.last_warning.is_none_or(|last| now >= last + WARNING_INTERVAL);
        if is_time {
            self.last_warning = Some(now);
        }
        is_time
    }

    /// Changes the connections of a network, and updates the orders of all networks.
    fn edit<T>(&mut self, network: IpAddr, change: impl FnOnce(&mut Holder) -> T) -> T {
        let mut holder = self.holders.remove(&network).unwrap_or_default();
        self.by_count.remove(&(holder.count(), network));
        if let Some(since) = holder.waits_since() {
            self.by_wait.remove(&(holder.count(), Reverse(since), network));
        }
        let outcome = change(&mut holder);
        if let Some(since) = holder.waits_since() {
            self.by_wait.insert((holder.count(), Reverse(since), network));
        }
        if holder.count() > 0 {
            self.by_count.insert((holder.count(), network));
            self.holders.insert(network, holder);
        }
        outcome
    }
}

/// The connections of one network.
#[derive(Default)]
struct Holder {
    /// Waiting connections by start of the wait and id. A start may be outdated, but then it is too early.
    waiting: BTreeMap<(u64, u64), Arc<Progress>>,
    /// Connections that were found not to wait, by id.
    answering: BTreeMap<u64, Arc<Progress>>,
}

impl Holder {
    fn count(&self) -> usize {
        self.waiting.len() + self.answering.len()
    }

    fn waits_since(&self) -> Option<u64> {
        self.waiting.first_key_value().map(|((since, _), _)| *since)
    }

    fn queue(&mut self, progress: Arc<Progress>, since: u64) {
        progress.queued.store(since, Ordering::Relaxed);
        self.waiting.insert((since, progress.id), progress);
    }

    fn remove(&mut self, progress: &Progress) -> bool {
        let queued = progress.queued.load(Ordering::Relaxed);
        self.waiting.remove(&(queued, progress.id)).is_some() || self.answering.remove(&progress.id).is_some()
    }

    /// Finds the connection that has waited longest. It corrects outdated entries until the first one is up to date.
    fn longest_waiting(&mut self) -> Option<Arc<Progress>> {
        loop {
            let first = self.waiting.first_entry()?;
            let (queued, id) = *first.key();
            match first.get().waiting_or_parked() {
                Some(since) if since <= queued => return Some(Arc::clone(first.get())),
                Some(since) => {
                    let progress = first.remove();
                    self.queue(progress, since);
                }
                None => {
                    let progress = first.remove();
                    self.answering.insert(id, progress);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
