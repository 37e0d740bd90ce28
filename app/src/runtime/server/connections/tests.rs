use super::*;

/// A table whose connections are identified by numbers.
struct Server {
    table: Table,
    all: BTreeMap<u64, (IpAddr, Arc<Progress>)>,
    now: u64,
}

/// The result of a new connection, with the number of the connection that was closed for it.
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

    /// Opens a connection after all others have waited for longer than they are spared.
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
    // The first connection of the crowd has just been answered and waits again; the second one is being answered.
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
    // All connections of the crowd are being answered, so another network makes room.
    assert_eq!(server.open(20, OFFICE), Outcome::ClosedWaiting(11));
    // There is room, and the crowd cannot close connections of others.
    assert_eq!(server.open(21, CROWD), Outcome::Free);
    assert_eq!(server.open(22, CROWD), Outcome::ClosedWaiting(21));
    // An answered connection waits again, and is found.
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
    // There is no room left: the crowd gives up a connection, although it is being answered.
    assert_eq!(server.open_at_once(14, OFFICE), Outcome::ClosedAnswering(0));
    assert_eq!(server.open_at_once(15, CROWD), Outcome::Refused);
    assert_eq!(server.open_exempt_at_once(), Outcome::Free);
    // The first second is over.
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
    // Other networks get the same number, and no more.
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
    // Exempt connections are admitted beyond the limit.
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
    // Knuth's generator with a fixed seed, so that failures are reproducible.
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
            .filter_map(|(network, holder)| Some((holder.count(), Reverse(holder.waits_since()?), *network)))
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
    let mut exempt: Vec<Slot> = (0..8).filter_map(|id| open(["127.0.0.1", "::1", OFFICE][id % 3])).collect();
    assert_eq!((exempt.len(), connections.metrics().open), (8, 24));
    assert!(open("127.0.0.1").is_none() && connections.try_permit().is_none());
    // A client named by a PROXY header is not exempt.
    assert!(!exempt[0].reassign(address(CROWD)));
    drop((strangers, exempt));
    let metrics = connections.metrics();
    assert_eq!((metrics.open, metrics.refused, metrics.shed_waiting, metrics.shed_answering), (0, 2, 0, 0));
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

/// One client holds the maximum number of sockets and opens new ones all the time.
#[test]
fn choosing_costs_little_however_many_there_are() {
    let mut server = Server::with_max(12_000);
    server.fill(CROWD, 0..9_000);
    let started = Instant::now();
    for id in 9_000..19_000 {
        // Every connection has just been answered, so the order is outdated for all of them.
        let some = *server.all.range(id % 9_000..).next().expect("a connection").0;
        server.answer([some]);
        server.wait(some);
        let client = if id % 2 == 0 { CROWD.to_owned() } else { format!("198.51.{}.{}", id % 256, id / 256) };
        assert!(matches!(server.open(id, &client), Outcome::ClosedWaiting(_)));
    }
    let each = started.elapsed() / 10_000;
    assert!(each < std::time::Duration::from_millis(1), "{each:?}");
}
