//! Shares the server's connections between client networks.
//!
//! Below three quarters of the limit a network may hold any number of connections. From there on the server closes one
//! connection for each new one: among those of the network that holds the most, the one that has waited longest for its
//! client. So one client that opens thousands of connections competes with itself, and all others are served.
//!
//! Where all connections of that network are being answered, another network has to give one up. Such a one is spared in
//! its first second, as the client may be about to send its request: while there is room nothing is closed, and then a
//! connection that is being answered goes first, if its network holds more than an equal share.
//!
//! A connection waits for its client while a PROXY header, a TLS handshake, a request or the body of one is incomplete,
//! while the client takes a response, and between two requests. It does not wait while a complete request is answered.
//! Bytes that trickle in do not make the wait shorter: it is counted from the end of the last response, or of the headers.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::future::{AbortHandle, AbortRegistration};
use ipnet::IpNet;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// For so many milliseconds a connection may wait for its client, and is spared, if its network holds no more than an
/// equal share.
const SPARED: u64 = 1_000;

/// Milliseconds between two warnings that connections are closed for new ones.
const WARNING_INTERVAL: u64 = 60_000;

/// All connections of a listener.
pub struct Connections {
    name: &'static str,
    /// The networks that are exempt beside the loopback. `None` if not even that is.
    exempt: Option<Vec<IpNet>>,
    permits: Arc<Semaphore>,
    max: usize,
    /// Times are in milliseconds since this one.
    start: Instant,
    next_id: AtomicU64,
    table: Mutex<Table>,
    shed_waiting: AtomicU64,
    shed_answering: AtomicU64,
    refused: AtomicU64,
}

/// How many connections there are, and how many were closed for others.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionMetrics {
    /// Open now.
    pub open: usize,
    /// Most at a time, the reserve for exempt networks not included.
    pub max: usize,
    /// Closed for a new connection while they waited for their client.
    pub shed_waiting: u64,
    /// Closed for a new connection while a request was being answered.
    pub shed_answering: u64,
    /// New connections that were closed at once.
    pub refused: u64,
}

/// Places beyond `max` that only exempt networks can take: one in 32, at least 8.
pub fn reserve(max: usize) -> usize {
    (max / 32).max(8)
}

impl Connections {
    /// At most `max` connections of clients. Those of the loopback and of trusted proxies are never closed for others, and
    /// have a [`reserve`] beyond `max`.
    pub fn of_clients(max: usize, trusted_proxies: Vec<IpNet>) -> Arc<Self> {
        Self::new("MAX_CONNECTIONS", max, Some(trusted_proxies), reserve(max))
    }

    /// At most `max` connections, none of which is exempt. `name` is the setting that a warning names.
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

    /// How busy the listener is.
    pub fn metrics(&self) -> ConnectionMetrics {
        ConnectionMetrics {
            open: self.table().total,
            max: self.max,
            shed_waiting: self.shed_waiting.load(Ordering::Relaxed),
            shed_answering: self.shed_answering.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
        }
    }

    /// Waits until there is room for one more socket. `None` never happens: the semaphore is not closed.
    pub(super) async fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).acquire_owned().await.ok()
    }

    /// The same without waiting.
    pub(super) fn try_permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.permits).try_acquire_owned().ok()
    }

    /// Admits a connection, and closes another one for it under pressure. `None` if the new one has to go instead.
    ///
    /// The registration ends the connection's future when it has to make room.
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

    /// Counts what became of a new connection, closes what it displaced, and warns now and then.
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
                "connections are closed for new ones, first those of the network that holds the most"
            );
        }
    }
}

/// The network that a connection counts for: an IPv4 address, or the 48 bits of an IPv6 address that a customer may have
/// all of.
fn network_of(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => {
            let [a, b, c, ..] = v6.segments();
            Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0).into()
        }
    }
}

/// A connection's place among the others, until it is dropped.
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
    /// Counts the connection for the client that a PROXY header named. `false` if it has to be closed.
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

    /// The headers of a request are complete, and its body is not.
    pub(super) fn reads_body(&self) {
        self.waits();
    }

    /// The request is complete.
    pub(super) fn answers(&self) {
        if let Holding::Network(_) = self.holder {
            self.progress.answers();
        }
    }

    /// The response is on its way, and the next request may come.
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

/// The lowest bits of a state are flags, the others a time.
const FLAG_BITS: u32 = 2;
/// A complete request is being answered.
const ANSWERING: u64 = 1;
/// The table has the connection among those that are being answered.
const PARKED: u64 = 2;

fn waiting_since(now: u64) -> u64 {
    now << FLAG_BITS
}

/// How far a connection is. Requests change it without a lock; the table catches up when it looks for a connection to
/// close.
struct Progress {
    id: u64,
    state: AtomicU64,
    /// The time under which the table has it among those that wait. Only used under the lock of the table.
    queued: AtomicU64,
    abort: AbortHandle,
}

impl Progress {
    fn answers(&self) {
        // A parked connection is answered already.
        self.state.fetch_or(ANSWERING, Ordering::AcqRel);
    }

    /// `true` if the table has to be told.
    fn waits(&self, now: u64) -> bool {
        self.state.swap(waiting_since(now), Ordering::AcqRel) & PARKED != 0
    }

    /// Since when it waits. `None`, and the connection is parked from now on, if it is being answered.
    fn waiting_or_parked(&self) -> Option<u64> {
        let park = |state| (state & ANSWERING != 0).then_some(state | PARKED);
        match self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, park) {
            Ok(_) => None,
            Err(state) => Some(state >> FLAG_BITS),
        }
    }
}

/// What becomes of a new connection.
enum Admission {
    Free,
    Displaced { victim: Arc<Progress>, network: IpAddr, was_answering: bool, warn: bool },
    Refused { warn: bool },
}

/// A connection, and the network that gives it up.
type Victim = (IpAddr, Arc<Progress>);

/// Where a new connection finds its place.
enum Room {
    Free,
    Closing { victim: Victim, is_answering: bool },
    Nowhere,
}

/// Which network holds which connections. Every operation takes a time that grows with the logarithm of their number,
/// spread over requests and new connections.
struct Table {
    max: usize,
    /// All connections, the exempt ones too.
    total: usize,
    last_warning: Option<u64>,
    holders: HashMap<IpAddr, Holder>,
    /// All networks, by the number of their connections.
    by_count: BTreeSet<(usize, IpAddr)>,
    /// The networks with a connection that may wait, in the order in which they have to give one up, the first one last:
    /// by the number of their connections, and then by how long one of them has waited.
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

    /// Whether a network holds more than it would if all that are here and one more shared the places equally.
    fn has_large_share(&self, network: IpAddr) -> bool {
        let count = self.holders.get(&network).map_or(0, Holder::count);
        count > self.max / (self.holders.len() + 1)
    }

    /// Admits a connection of an exempt network, however many there are: how many there can be is not decided here.
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

    /// Puts a connection whose request has been answered back to those that wait.
    fn unpark(&mut self, network: IpAddr, progress: &Arc<Progress>, now: u64) {
        self.edit(network, |holder| {
            if holder.answering.remove(&progress.id).is_some() {
                holder.queue(Arc::clone(progress), now);
            }
        });
    }

    /// The connection that has waited longest, of the network that holds the most: of the new connection's own one if that
    /// one holds as many.
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
            // What was out of date has been put right, after which another network may come first.
            if let Some(victim) = victim.filter(|_| self.by_wait.last() == Some(&first)) {
                return Some((network, victim));
            }
        }
    }

    /// A connection that is being answered, where none waits: of the network that holds the most, if it still holds as many
    /// as the new connection's one afterwards.
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

    /// Changes what a network holds, and keeps the orders of all networks right.
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

/// The connections of a network.
#[derive(Default)]
struct Holder {
    /// By the time since when each waits and its id. The time may be out of date, but then it is too early.
    waiting: BTreeMap<(u64, u64), Arc<Progress>>,
    /// Those that were found not to wait, by their ids.
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

    /// Looks at the first ones until one has waited for as long as it is said to.
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
mod tests {
    use super::*;

    /// A table whose connections are known by their numbers.
    struct Server {
        table: Table,
        all: BTreeMap<u64, (IpAddr, Arc<Progress>)>,
        now: u64,
    }

    /// What became of a new connection, with the number of the one that was closed for it.
    #[derive(Debug, PartialEq, Eq)]
    enum Outcome {
        Free,
        ClosedWaiting(u64),
        ClosedAnswering(u64),
        Refused,
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    impl Server {
        fn with_max(max: usize) -> Self {
            Self { table: Table::new(max), all: BTreeMap::new(), now: 0 }
        }

        /// One connection more, when all others have waited for long enough.
        fn open(&mut self, id: u64, client: &str) -> Outcome {
            self.now += SPARED;
            self.open_at_once(id, client)
        }

        fn open_at_once(&mut self, id: u64, client: &str) -> Outcome {
            self.now += 1;
            let progress = Arc::new(Progress {
                id,
                state: AtomicU64::new(waiting_since(self.now)),
                queued: AtomicU64::new(0),
                abort: AbortHandle::new_pair().0,
            });
            let network = network_of(address(client));
            let admission = self.table.admit(network, &progress, self.now);
            if !matches!(admission, Admission::Refused { .. }) {
                self.all.insert(id, (network, progress));
            }
            self.outcome(&admission)
        }

        fn open_exempt(&mut self) -> Outcome {
            self.now += SPARED;
            self.open_exempt_at_once()
        }

        fn open_exempt_at_once(&mut self) -> Outcome {
            self.now += 1;
            let admission = self.table.admit_exempt(self.now);
            self.outcome(&admission)
        }

        fn outcome(&mut self, admission: &Admission) -> Outcome {
            match admission {
                Admission::Free => Outcome::Free,
                Admission::Refused { .. } => Outcome::Refused,
                Admission::Displaced { victim, was_answering, .. } => {
                    self.all.remove(&victim.id).expect("an open connection");
                    if *was_answering {
                        Outcome::ClosedAnswering(victim.id)
                    } else {
                        Outcome::ClosedWaiting(victim.id)
                    }
                }
            }
        }

        fn fill(&mut self, client: &str, ids: std::ops::Range<u64>) {
            for id in ids {
                assert_eq!(self.open(id, client), Outcome::Free, "{id}");
            }
        }

        fn answer(&mut self, ids: impl IntoIterator<Item = u64>) {
            self.now += 1;
            for id in ids {
                self.all[&id].1.answers();
            }
        }

        fn wait(&mut self, id: u64) {
            self.now += 1;
            let (network, progress) = self.all[&id].clone();
            if progress.waits(self.now) {
                self.table.unpark(network, &progress, self.now);
            }
        }

        fn close(&mut self, id: u64) {
            let (network, progress) = self.all.remove(&id).expect("an open connection");
            self.table.remove(network, &progress);
        }

        fn held_by(&self, client: &str) -> usize {
            self.table.holders.get(&network_of(address(client))).map_or(0, Holder::count)
        }
    }

    const OFFICE: &str = "192.0.2.1";
    const CROWD: &str = "203.0.113.9";
    const GUEST: &str = "198.51.100.7";

    #[test]
    fn networks_hold_any_number_while_there_is_room() {
        let mut server = Server::with_max(1_000);
        server.fill(OFFICE, 0..750);
        assert_eq!(server.held_by(OFFICE), 750);
    }

    #[test]
    fn largest_network_makes_room_longest_waiting_first() {
        let mut server = Server::with_max(100);
        server.fill(CROWD, 0..50);
        server.fill(OFFICE, 50..75);
        // The first one of the crowd has just been answered, and waits anew; the second one is being answered.
        server.answer([0]);
        server.wait(0);
        server.answer([1]);
        assert_eq!(server.open(100, GUEST), Outcome::ClosedWaiting(2));
        assert_eq!(server.open_exempt(), Outcome::ClosedWaiting(3));
        // The crowd competes with itself.
        assert_eq!(server.open(101, CROWD), Outcome::ClosedWaiting(4));
        assert_eq!((server.held_by(CROWD), server.held_by(OFFICE), server.held_by(GUEST)), (48, 25, 1));
    }

    #[test]
    fn among_equals_the_longest_waiting_makes_room() {
        let mut server = Server::with_max(16);
        for id in 0..12 {
            server.fill(&format!("198.51.100.{}", 200 - id), id..id + 1);
        }
        assert_eq!(server.open(20, "198.51.100.250"), Outcome::ClosedWaiting(0));
        assert_eq!(server.open(21, "198.51.100.1"), Outcome::ClosedWaiting(1));
    }

    #[test]
    fn a_connection_that_is_answered_stays_while_another_waits() {
        let mut server = Server::with_max(16);
        server.fill(CROWD, 0..11);
        server.fill(GUEST, 11..12);
        server.answer(0..11);
        // All of the crowd's are being answered: another network's makes room.
        assert_eq!(server.open(20, OFFICE), Outcome::ClosedWaiting(11));
        // There is room, and the crowd cannot close what others hold.
        assert_eq!(server.open(21, CROWD), Outcome::Free);
        assert_eq!(server.open(22, CROWD), Outcome::ClosedWaiting(21));
        // What is answered waits again, and is found.
        server.answer([20, 22]);
        server.wait(5);
        assert_eq!(server.open(23, GUEST), Outcome::ClosedWaiting(5));
    }

    #[test]
    fn a_small_network_is_spared_in_its_first_second() {
        let mut server = Server::with_max(16);
        server.fill(CROWD, 0..12);
        server.answer(0..12);
        assert_eq!(server.open(12, GUEST), Outcome::Free);
        // There is room, also for a proxy whose client is not known yet.
        assert_eq!(server.open_at_once(13, OFFICE), Outcome::Free);
        assert_eq!(server.open_exempt_at_once(), Outcome::Free);
        assert_eq!(server.open_exempt_at_once(), Outcome::Free);
        // There is none: the crowd gives one up, although it is being answered.
        assert_eq!(server.open_at_once(14, OFFICE), Outcome::ClosedAnswering(0));
        assert_eq!(server.open_at_once(15, CROWD), Outcome::Refused);
        assert_eq!(server.open_exempt_at_once(), Outcome::Free);
        // After a second.
        assert_eq!(server.open_exempt(), Outcome::ClosedWaiting(13));
        assert_eq!((server.held_by(CROWD), server.held_by(GUEST), server.held_by(OFFICE)), (11, 1, 1));
    }

    #[test]
    fn newcomers_come_in_where_all_networks_are_new_and_small() {
        let mut server = Server::with_max(16);
        for id in 0..16 {
            assert_eq!(server.open_at_once(id, &format!("198.51.100.{id}")), Outcome::Free);
        }
        assert_eq!(server.open_at_once(16, OFFICE), Outcome::ClosedWaiting(0));
    }

    #[test]
    fn a_full_server_closes_answered_connections_of_larger_networks_only() {
        let mut server = Server::with_max(16);
        server.fill(CROWD, 0..12);
        server.answer(0..12);
        for id in 12..16 {
            assert_eq!(server.open(id, GUEST), Outcome::Free);
            server.answer([id]);
        }
        assert_eq!(server.open(16, OFFICE), Outcome::ClosedAnswering(0));
        server.answer([16]);
        assert_eq!(server.open(17, CROWD), Outcome::Refused);
        // Others share as many as they hold, and no more.
        for id in 18.. {
            match server.open(id, GUEST) {
                Outcome::ClosedAnswering(_) => server.answer([id]),
                outcome => {
                    assert_eq!(outcome, Outcome::Refused);
                    break;
                }
            }
        }
        assert_eq!((server.held_by(CROWD), server.held_by(GUEST), server.held_by(OFFICE)), (8, 7, 1));
        // Exempt ones come in beyond the limit.
        assert_eq!(server.open_exempt(), Outcome::Free);
        assert_eq!(server.table.total, 17);
    }

    #[test]
    fn an_ipv6_customer_is_one_network() {
        let mut server = Server::with_max(16);
        for id in 0..8 {
            server.fill(&format!("2001:db8:1:{id}::1"), id..id + 1);
        }
        server.fill(CROWD, 8..12);
        assert_eq!(server.held_by("2001:db8:1:ffff::2"), 8);
        assert_eq!(server.open(12, "2001:db8:2::1"), Outcome::ClosedWaiting(0));
    }

    #[test]
    fn whatever_happens_the_orders_agree() {
        // A generator of Knuth's, so that a failure can be repeated.
        let mut seed = 7_u64;
        let mut random = |below: u64| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 33) % below
        };
        let mut server = Server::with_max(40);
        for id in 0..20_000 {
            let open: Vec<u64> = server.all.keys().copied().collect();
            let some = open.get(usize::try_from(random(40)).unwrap()).copied();
            match (random(4), some) {
                (0, Some(some)) => server.close(some),
                (1, Some(some)) => server.answer([some]),
                (2, Some(some)) => server.wait(some),
                _ => {
                    server.open(id, &format!("198.51.100.{}", random(6)));
                }
            }
            let table = &server.table;
            assert_eq!(table.total, server.all.len());
            assert_eq!(table.total, table.holders.values().map(Holder::count).sum::<usize>());
            assert!(table.total <= 40);
            let by_count: BTreeSet<_> =
                table.holders.iter().map(|(network, holder)| (holder.count(), *network)).collect();
            let by_wait: BTreeSet<_> = table
                .holders
                .iter()
                .filter_map(|(network, holder)| {
                    Some((holder.count(), Reverse(holder.waits_since()?), *network))
                })
                .collect();
            assert_eq!((&table.by_count, &table.by_wait), (&by_count, &by_wait));
            for (network, progress) in server.all.values() {
                let holder = &table.holders[network];
                let is_parked = progress.state.load(Ordering::Relaxed) & PARKED != 0;
                assert_eq!(holder.answering.contains_key(&progress.id), is_parked);
            }
        }
    }

    #[tokio::test]
    async fn exempt_networks_have_a_reserve() {
        let connections = Connections::of_clients(16, vec!["192.0.2.0/24".parse().unwrap()]);
        let open = |client: &str| {
            let permit = connections.try_permit()?;
            connections.admit(address(client), permit).map(|(slot, _)| slot)
        };
        let strangers: Vec<Slot> =
            (0..16).filter_map(|id| open(&format!("198.51.100.{id}"))).inspect(Slot::answers).collect();
        assert_eq!(strangers.len(), 16);
        assert!(open(CROWD).is_none(), "all are being answered, and none holds more than another");
        let mut exempt: Vec<Slot> =
            (0..8).filter_map(|id| open(["127.0.0.1", "::1", OFFICE][id % 3])).collect();
        assert_eq!((exempt.len(), connections.metrics().open), (8, 24));
        assert!(open("127.0.0.1").is_none() && connections.try_permit().is_none());
        // What a PROXY header names is no longer exempt.
        assert!(!exempt[0].reassign(address(CROWD)));
        drop((strangers, exempt));
        let metrics = connections.metrics();
        assert_eq!(
            (metrics.open, metrics.refused, metrics.shed_waiting, metrics.shed_answering),
            (0, 2, 0, 0)
        );
    }

    #[tokio::test]
    async fn a_closed_connection_ends_where_it_is() {
        let connections = Connections::without_exemptions("TEST", 4);
        let mut tasks = Vec::new();
        for _ in 0..5 {
            let permit = connections.permit().await.unwrap();
            let (slot, registration) = connections.admit(address("127.0.0.1"), permit).unwrap();
            tasks.push(tokio::spawn(futures_util::future::Abortable::new(
                async move {
                    let _slot = slot;
                    std::future::pending::<()>().await;
                },
                registration,
            )));
        }
        assert!(tasks.remove(0).await.unwrap().is_err());
        assert!(tasks.remove(0).await.unwrap().is_err());
        let metrics = connections.metrics();
        assert_eq!((metrics.open, metrics.shed_waiting), (3, 2));
    }

    /// One client with as many sockets as there can be, and new ones all the time.
    #[test]
    fn choosing_costs_little_however_many_there_are() {
        let mut server = Server::with_max(12_000);
        server.fill(CROWD, 0..9_000);
        let started = Instant::now();
        for id in 9_000..19_000 {
            // Each has just been answered, so that the order is out of date for all of them.
            let some = *server.all.range(id % 9_000..).next().expect("a connection").0;
            server.answer([some]);
            server.wait(some);
            let client =
                if id % 2 == 0 { CROWD.to_owned() } else { format!("198.51.{}.{}", id % 256, id / 256) };
            assert!(matches!(server.open(id, &client), Outcome::ClosedWaiting(_)));
        }
        let each = started.elapsed() / 10_000;
        assert!(each < std::time::Duration::from_millis(1), "{each:?}");
    }
}
