//! Clients that ask as fast as they are answered, or at a pace, and what they saw.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Barrier;

use crate::client::{Answer, SharedConnection};

/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What one client does: it makes the next request of what the last answer was.
pub trait Client: Send {
    /// The next request.
    fn request(&mut self) -> &[u8];

    /// Takes note of the answer.
    fn answered(&mut self, _: &Answer<'_>) {}
}

/// The same request again and again.
impl Client for Vec<u8> {
    fn request(&mut self) -> &[u8] {
        self
    }
}

/// Somebody who will be needed again.
impl<C: Client + ?Sized> Client for &mut C {
    fn request(&mut self) -> &[u8] {
        (**self).request()
    }

    fn answered(&mut self, answer: &Answer<'_>) {
        (**self).answered(answer);
    }
}

impl<C: Client + ?Sized> Client for Box<C> {
    fn request(&mut self) -> &[u8] {
        (**self).request()
    }

    fn answered(&mut self, answer: &Answer<'_>) {
        (**self).answered(answer);
    }
}

/// How long, and how fast.
#[derive(Clone, Copy)]
pub struct Plan {
    /// What is not counted yet.
    pub warm_up: Duration,
    /// What is.
    pub measured: Duration,
    /// The time from one request of a client to its next; as soon as the answer is there, where it is zero.
    pub pace: Duration,
}

impl Plan {
    /// As fast as it goes, for this long.
    pub fn full_speed(measured: Duration) -> Self {
        Self { warm_up: Duration::from_millis(700), measured, pace: Duration::ZERO }
    }
}

/// What the clients saw.
#[derive(Default)]
pub struct Seen {
    /// Answers by their status; 0 where there was none.
    pub statuses: BTreeMap<u16, u64>,
    /// How long answers took, in microseconds, sorted. Where clients have a pace they count from the moment at which the
    /// request was due, so that one slow answer does not hide those that should have been asked for meanwhile.
    latencies: Vec<(u16, u32)>,
    /// For how long was counted.
    pub measured: Duration,
}

impl Seen {
    /// Answers with this status a second.
    pub fn rate(&self, status: u16) -> f64 {
        self.statuses.get(&status).copied().unwrap_or(0) as f64 / self.measured.as_secs_f64()
    }

    /// The time within which this share of the answers with this status came.
    pub fn quantile(&self, status: u16, share: f64) -> Duration {
        let of_status: Vec<u32> =
            self.latencies.iter().filter(|(of, _)| *of == status).map(|(_, micros)| *micros).collect();
        let place = (of_status.len() as f64 * share) as usize;
        let micros = of_status.get(place.min(of_status.len().saturating_sub(1))).copied().unwrap_or(0);
        Duration::from_micros(micros.into())
    }

    /// Answers that had another status than was hoped for.
    pub fn others(&self, status: u16) -> u64 {
        self.statuses.iter().filter(|(seen, _)| **seen != status).map(|(_, count)| count).sum()
    }
}

/// Lets each client ask on a connection of its own. All of them share the thread that calls this, so that as much as can be
/// of the machine is left to the service.
pub fn drive<C: Client>(address: SocketAddr, plan: Plan, clients: Vec<C>) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Barrier::new(clients.len());
    let asking: FuturesUnordered<_> =
        clients.into_iter().map(|client| one(address, plan, client, &start)).collect();
    // Nobody waits for ever: that a client has not ended by then is a failure of the run.
    let patience = plan.warm_up + plan.measured + PATIENCE;
    let ended = async { tokio::time::timeout(patience, asking.collect::<Vec<_>>()).await };
    let mut seen = Seen { measured: plan.measured, ..Seen::default() };
    for latencies in runtime.block_on(ended).expect("an answer") {
        for (status, _) in &latencies {
            *seen.statuses.entry(*status).or_default() += 1;
        }
        seen.latencies.extend(latencies);
    }
    seen.latencies.sort_unstable_by_key(|(_, micros)| *micros);
    seen
}

async fn one<C: Client>(address: SocketAddr, plan: Plan, mut client: C, start: &Barrier) -> Vec<(u16, u32)> {
    let mut connection = SharedConnection::open(address).await.expect("a connection");
    let mut latencies = Vec::with_capacity(1 << 16);
    start.wait().await;
    let begun = Instant::now();
    let counting = begun + plan.warm_up;
    let end = counting + plan.measured;
    let mut due = begun;
    loop {
        if plan.pace.is_zero() {
            due = Instant::now();
        } else {
            due += plan.pace;
            tokio::time::sleep_until(due.into()).await;
        }
        if due >= end {
            return latencies;
        }
        let status = match connection.call(client.request()).await {
            Ok(answer) => {
                client.answered(&answer);
                answer.status
            }
            Err(_) => {
                connection = SharedConnection::open(address).await.expect("a connection");
                0
            }
        };
        let answered = Instant::now();
        // By when it was answered: what was asked before and answered meanwhile was done meanwhile.
        if answered >= counting && answered < end {
            let micros = answered.duration_since(due).as_micros();
            latencies.push((status, u32::try_from(micros).unwrap_or(u32::MAX)));
        }
    }
}
