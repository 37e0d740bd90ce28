//! PostgreSQL does not respond: it is frozen, or the network drops its packets.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::process::{Call, PATIENCE, pause};
use inwren_tests::stores::{PrivatePostgres, TempFolder};

use super::{UnderLoad, program};
use crate::process::support::times::SLACK;

/// Half of the 503 responses arrive within this time, and all of them within `SLACK` more.
const TOLD: Duration = Duration::from_secs(5);
const FROZEN: Duration = Duration::from_secs(8);

#[test]
fn a_frozen_database_is_not_waited_for() {
    let under_load = UnderLoad::start();
    under_load.server.freeze();
    let begun = Instant::now();
    let mut alive = Vec::new();
    while begun.elapsed() < FROZEN {
        let asked = Instant::now();
        under_load.service.call(&Call::get("/health/live")).expect(200);
        alive.push(asked.elapsed());
        pause(Duration::from_millis(20));
    }
    under_load.service.call(&Call::get("/health")).expect(503);
    under_load.server.thaw();
    let (ended, _) = under_load.recover("PostgreSQL frozen for 8 s", Instant::now());
    alive.sort();
    let (median, p99) = (alive[alive.len() / 2], alive[alive.len() * 99 / 100]);
    let half = ended.half_were_told_within();
    println!(
        "PostgreSQL frozen: /health/live was asked {} times, median {median:.1?}, p99 {p99:.1?}; half were told within \
         {half:.1?}",
        alive.len()
    );
    assert!(half < TOLD, "{half:?}");
    assert!(ended.slowest(|made| made.status() == Some(503)) < TOLD + SLACK);
    // A moment in which the machine stands still changes the p99, and not the median.
    assert!(median < Duration::from_secs(1) && p99 < SLACK, "{median:?}, {p99:?}");
}

#[test]
fn a_stop_does_not_wait_for_a_frozen_database() {
    let mut under_load = UnderLoad::start();
    under_load.server.freeze();
    pause(Duration::from_millis(300));
    let begun = Instant::now();
    under_load.service.signal("TERM");
    let status = under_load.service.wait(PATIENCE);
    let took = begun.elapsed();
    println!("SIGTERM under load with PostgreSQL frozen: exit {:?} after {took:.1?}", status.code());
    assert_eq!(status.code(), Some(0), "{}", under_load.service.log());
    assert!(took < Duration::from_secs(20) + SLACK, "{took:?}");
    under_load.load.finish();
}

/// As after a failover: existing connections receive nothing any more, and new connections reach the database.
#[test]
fn connections_that_have_gone_silent_are_given_up() {
    let server = PrivatePostgres::start();
    let network = Network::before(server.port());
    let under_load = UnderLoad::at(server, TempFolder::new(), |server| server.url_at(network.address.port()));
    let silenced = network.silence();
    let (ended, _) = under_load.recover(&format!("{silenced} connections gone silent"), Instant::now());
    assert!(ended.slowest(|made| made.status() == Some(503)) < TOLD + SLACK);
}

/// A proxy between the service and the database. It forwards all bytes until it falls silent.
struct Network {
    address: SocketAddr,
    epoch: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
}

impl Network {
    fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = listener.local_addr().expect("an address");
        let (epoch, open) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let network = Self { address, epoch: Arc::clone(&epoch), open: Arc::clone(&open) };
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                for (from, to) in [(&client, &server), (&server, &client)] {
                    let (from, to) = (from.try_clone().expect("a socket"), to.try_clone().expect("a socket"));
                    let (epoch, open) = (Arc::clone(&epoch), Arc::clone(&open));
                    thread::spawn(move || pass_on(from, to, &epoch, &open));
                }
            }
        });
        network
    }

    /// Drops all bytes of the existing connections without closing them. Returns the number of these connections.
    fn silence(&self) -> usize {
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.open.load(Ordering::Acquire) / 2
    }
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, epoch: &AtomicUsize, open: &AtomicUsize) {
    let born = epoch.load(Ordering::Acquire);
    open.fetch_add(1, Ordering::AcqRel);
    let mut buffer = [0; 16 * 1024];
    let _ = to.set_nodelay(true);
    while let Ok(read @ 1..) = from.read(&mut buffer) {
        // The proxy still reads the dropped bytes, as a network accepts packets that do not arrive.
        if epoch.load(Ordering::Acquire) == born && to.write_all(&buffer[..read]).is_err() {
            break;
        }
    }
    open.fetch_sub(1, Ordering::AcqRel);
    if epoch.load(Ordering::Acquire) == born {
        let _ = to.shutdown(Shutdown::Both);
    }
}

#[test]
fn a_database_that_is_frozen_from_the_start_is_not_waited_for_for_ever() {
    let (server, folder) = (PrivatePostgres::start(), TempFolder::new());
    server.freeze();
    let waiting = program(&folder, &server.url()).env("DATABASE_CONNECT_TIMEOUT", "3");
    let finished = waiting.run();
    let took = finished.took;
    let text = finished.with_code(1);
    assert!(text.contains("DATABASE_URL") && text.contains("DATABASE_CONNECT_TIMEOUT"), "{text}");
    println!("PostgreSQL frozen at the start, DATABASE_CONNECT_TIMEOUT 3 s: exit 1 after {took:.1?}");
    assert!(took < Duration::from_secs(8) + SLACK, "{took:?}");
}
