//! Clients that register and log in one user after the other, and record the responses.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inwren_tests::process::{Connection, PATIENCE, Service};

use crate::process::support::client::{Tokens, join};

pub(crate) struct Registrations {
    shared: Arc<Shared>,
    clients: Vec<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    stop: AtomicBool,
    answers: AtomicUsize,
    slowest: Mutex<Duration>,
    people: Mutex<Vec<(String, Tokens)>>,
}

impl Registrations {
    /// Starts this many clients.
    pub(crate) fn start(service: &Service, clients: usize) -> Self {
        let shared = Arc::new(Shared::default());
        let clients = (0..clients).map(|client| {
            let (shared, connection) = (Arc::clone(&shared), service.connect());
            thread::spawn(move || shared.client(client, connection))
        });
        Self { clients: clients.collect(), shared: Arc::clone(&shared) }
    }

    /// Number of requests that succeeded.
    pub(crate) fn answers(&self) -> usize {
        self.shared.answers.load(Ordering::Relaxed)
    }

    /// All users who have registered and logged in, as soon as there are this many successes.
    pub(crate) fn after_answers(&self, count: usize) -> Vec<(String, Tokens)> {
        let begun = Instant::now();
        while self.answers() < count {
            assert!(begun.elapsed() < PATIENCE, "only {} answers", self.answers());
            thread::park_timeout(Duration::from_millis(5));
        }
        self.shared.people.lock().expect("no client that panicked").clone()
    }

    /// Stops the clients, and returns the longest duration of a registration and login together.
    pub(crate) fn stop(self) -> Duration {
        self.shared.stop.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.join().expect("a client that was answered");
        }
        *self.shared.slowest.lock().expect("no client that panicked")
    }
}

impl Shared {
    fn client(&self, client: usize, mut connection: Connection) {
        for number in 0.. {
            if self.stop.load(Ordering::Relaxed) {
                return;
            }
            let email = format!("load-{client}-{number}@example.org");
            let begun = Instant::now();
            let tokens = join(&mut connection, &email).expect("an answer");
            let took = begun.elapsed();
            let mut slowest = self.slowest.lock().expect("no client that panicked");
            *slowest = took.max(*slowest);
            self.people.lock().expect("no client that panicked").push((email, tokens));
            self.answers.fetch_add(2, Ordering::Relaxed);
        }
    }
}
