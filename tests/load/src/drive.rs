//! Clients that send requests at full speed or at a fixed pace, and their results.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::Barrier;

use crate::client::{Answer, SharedConnection};

/// The timeout for the last responses.
const PATIENCE: Duration = Duration::from_secs(60);

/// The behaviour of one client: it makes each request, possibly from the previous response.
pub trait Client: Send {
    /// The next request.
    fn request(&mut self) -> &[u8];

    /// Takes note of the response.
    fn answered(&mut self, _: &Answer<'_>) {}
}

/// Repeats the same request.
impl Client for Vec<u8> {
    fn request(&mut self) -> &[u8] {
        self
    }
}

/// A client that the caller uses again.
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

/// Duration and speed of a run.
#[derive(Clone, Copy)]
pub struct Plan {
    /// The time whose responses do not count.
    pub warm_up: Duration,
    /// The time whose responses count.
    pub measured: Duration,
    /// The time between the due times of two requests of a client. Zero means that the next request follows the
    /// response at once.
    pub pace: Duration,
}

impl Plan {
    /// Full speed for this duration, after a short warm-up.
    pub fn full_speed(measured: Duration) -> Self {
        Self { warm_up: Duration::from_millis(700), measured, pace: Duration::ZERO }
    }
}

/// The results of the clients.
#[derive(Default)]
pub struct Seen {
    /// Number of responses by status; 0 counts failed requests.
    pub statuses: BTreeMap<u16, u64>,
    /// Response times in microseconds, sorted. For clients with a pace, they count from the moment when the request was
    /// due, so that one slow response does not hide the requests that should have started meanwhile.
    latencies: Vec<(u16, u32)>,
    /// The duration of the measurement.
    pub measured: Duration,
}

impl Seen {
    /// Responses with this status per second.
    pub fn rate(&self, status: u16) -> f64 {
        self.statuses.get(&status).copied().unwrap_or(0) as f64 / self.measured.as_secs_f64()
    }

    /// The quantile of the response times for this status.
    pub fn quantile(&self, status: u16, share: f64) -> Duration {
        let of_status: Vec<u32> =
            self.latencies.iter().filter(|(of, _)| *of == status).map(|(_, micros)| *micros).collect();
        let place = (of_status.len() as f64 * share) as usize;
        let micros = of_status.get(place.min(of_status.len().saturating_sub(1))).copied().unwrap_or(0);
        Duration::from_micros(micros.into())
    }

    /// The number of responses with another status.
    pub fn others(&self, status: u16) -> u64 {
        self.statuses.iter().filter(|(seen, _)| **seen != status).map(|(_, count)| count).sum()
    }
}

/// Runs each client on a separate connection. All clients share the calling thread, so that the service gets as much of
/// the machine as possible.
pub fn drive<C: Client>(address: SocketAddr, plan: Plan, clients: Vec<C>) -> Seen {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let start = Barrier::new(clients.len());
    let asking: FuturesUnordered<_> =
        clients.into_iter().map(|client| one(address, plan, client, &start)).collect();
    // A client that has not finished within this timeout makes the run fail.
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
        // Responses count by the time of their arrival: the service completed them within the measured time.
        if answered >= counting && answered < end {
            let micros = answered.duration_since(due).as_micros();
            latencies.push((status, u32::try_from(micros).unwrap_or(u32::MAX)));
        }
    }
}
