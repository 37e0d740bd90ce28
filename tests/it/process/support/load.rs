//! Clients that record all responses, for tests in which something fails under load.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inwren_tests::process::{Answer, Call, Connection, PATIENCE, Service, pause};
use serde_json::json;

use crate::process::support::client::{PASSWORD, Tokens, login, me, refresh, register};

/// How often a client refreshes before it changes the password, and again before it registers the next user.
const REFRESHES: usize = 3;
/// Pause of a client before each request.
const THINKING: Duration = Duration::from_millis(3);
/// Pause after a request that failed.
const DISAPPOINTED: Duration = Duration::from_millis(50);

/// Clients that work until they are stopped. Each client registers one user after the other, logs in, refreshes, reads
/// the profile and changes the password.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    succeeded: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Client>>,
}

/// The records of all clients.
pub(crate) struct Ended {
    pub(crate) calls: Vec<Made>,
    pub(crate) journals: Vec<Journal>,
}

/// One request.
#[derive(Debug)]
pub(crate) struct Made {
    pub(crate) what: &'static str,
    /// Whether the request was the first one on its connection.
    pub(crate) is_first: bool,
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Answered {
        status: u16,
        code: String,
        retry_after: Option<u64>,
    },
    /// The request was sent, and no response came.
    Lost(io::ErrorKind),
}

impl Made {
    pub(crate) fn status(&self) -> Option<u16> {
        match self.outcome {
            Outcome::Answered { status, .. } => Some(status),
            Outcome::Lost(_) => None,
        }
    }

    /// The error if no response came.
    fn lost(&self) -> Option<io::ErrorKind> {
        match self.outcome {
            Outcome::Lost(error) => Some(error),
            Outcome::Answered { .. } => None,
        }
    }

    pub(crate) fn is_success(&self) -> bool {
        self.status().is_some_and(|status| status < 300)
    }

    /// Whether the response is a 503 in the documented form, with a code and `Retry-After`.
    pub(crate) fn is_clear_503(&self) -> bool {
        match &self.outcome {
            Outcome::Answered { status: 503, code, retry_after: Some(1..=60) } => {
                ["unavailable", "overloaded"].contains(&code.as_str())
            }
            _ => false,
        }
    }
}

/// The responses of the service about one user.
#[derive(Debug)]
pub(crate) struct Journal {
    pub(crate) email: String,
    pub(crate) registered: bool,
    password: String,
    /// Another password that may be valid: its change got no response.
    attempted: Option<String>,
    /// The refresh tokens that the client received, oldest first.
    pub(crate) tokens: Vec<String>,
    /// Whether the client has used the last token and received no success.
    pub(crate) refreshing: bool,
}

struct Client {
    name: String,
    address: SocketAddr,
    connection: Option<Connection>,
    stop: Arc<AtomicBool>,
    succeeded: Arc<AtomicUsize>,
    failed: Arc<AtomicUsize>,
    calls: Vec<Made>,
    journals: Vec<Journal>,
}

impl Load {
    /// Starts this many clients. `name` must differ for each load on one storage.
    pub(crate) fn start(address: SocketAddr, clients: usize, name: &str) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (succeeded, failed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..clients).map(|number| {
            let client = Client {
                name: format!("{name}-{number}"),
                address,
                connection: None,
                stop: Arc::clone(&stop),
                succeeded: Arc::clone(&succeeded),
                failed: Arc::clone(&failed),
                calls: Vec::new(),
                journals: Vec::new(),
            };
            thread::spawn(move || client.run())
        });
        let clients = clients.collect();
        Self { clients, stop, succeeded, failed }
    }

    /// Waits for this many further successes.
    #[track_caller]
    pub(crate) fn wait_for(&self, successes: usize) {
        let (begun, before) = (Instant::now(), self.succeeded.load(Ordering::Acquire));
        while self.succeeded.load(Ordering::Acquire) < before + successes {
            assert!(begun.elapsed() < PATIENCE, "no {successes} successes within {PATIENCE:?}");
            pause(Duration::from_millis(2));
        }
    }

    /// Checks that all works: a second with 50 successes and without any failure. A machine that stands still for a
    /// moment may spoil one such second, so the next ones count too.
    #[track_caller]
    pub(crate) fn is_well(&self, what: &str) {
        for attempt in 1..=5 {
            let before = self.failed.load(Ordering::Acquire);
            pause(Duration::from_secs(1));
            self.wait_for(50);
            match self.failed.load(Ordering::Acquire) - before {
                0 => return,
                failed => {
                    println!("{what}: {failed} requests failed in the {attempt}. second in which none should")
                }
            }
        }
        panic!("{what}: requests go on to fail");
    }

    /// Stops all clients, and collects their records.
    pub(crate) fn finish(self) -> Ended {
        self.stop.store(true, Ordering::Release);
        let mut ended = Ended { calls: Vec::new(), journals: Vec::new() };
        for client in self.clients {
            let client = client.join().expect("a client");
            ended.calls.extend(client.calls);
            ended.journals.extend(client.journals);
        }
        ended.calls.sort_by_key(|made| made.begun);
        ended
    }
}

impl Client {
    fn run(mut self) -> Self {
        for number in 0.. {
            if self.has_to_stop() {
                break;
            }
            self.journals.push(Journal::of(format!("{}-{number}@example.org", self.name)));
            // Any failure ends the story of this user. The test checks the state of the user afterwards.
            let _ = self.live();
        }
        self
    }

    fn live(&mut self) -> Option<()> {
        let email = self.journal().email.clone();
        self.ask("register", &register(&email, PASSWORD))?;
        self.journal().registered = true;
        let mut tokens = Tokens::of(&self.ask("login", &login(&email, PASSWORD))?);
        self.journal().tokens.push(tokens.refresh.clone());
        tokens = self.refresh(tokens)?;
        let new = format!("{PASSWORD}, changed");
        self.journal().attempted = Some(new.clone());
        let change = json!({ "current_password": PASSWORD, "new_password": new });
        let change = Call::post("/users/me/password", &change).bearer(&tokens.access);
        tokens = Tokens::of(&self.ask("change password", &change)?);
        let journal = self.journal();
        journal.password = new;
        journal.attempted = None;
        journal.tokens.push(tokens.refresh.clone());
        self.refresh(tokens)?;
        Some(())
    }

    fn refresh(&mut self, mut tokens: Tokens) -> Option<Tokens> {
        for _ in 0..REFRESHES {
            self.ask("profile", &me(&tokens.access));
            self.journal().refreshing = true;
            // Retries with the same token, as a real client does.
            tokens = loop {
                if self.has_to_stop() {
                    return None;
                }
                if let Some(answer) = self.ask("refresh", &refresh(&tokens.refresh)) {
                    break Tokens::of(&answer);
                }
            };
            let journal = self.journal();
            journal.refreshing = false;
            journal.tokens.push(tokens.refresh.clone());
        }
        Some(tokens)
    }

    fn journal(&mut self) -> &mut Journal {
        self.journals.last_mut().expect("a user")
    }

    fn has_to_stop(&self) -> bool {
        self.stop.load(Ordering::Acquire)
    }

    /// Sends a request, and returns the response if it is a success.
    fn ask(&mut self, what: &'static str, call: &Call) -> Option<Answer> {
        pause(THINKING);
        let is_first = self.connection.is_none();
        let mut connection = match self.connection.take().map_or_else(|| Connection::open(self.address), Ok) {
            Ok(connection) => connection,
            Err(_) => {
                pause(DISAPPOINTED);
                return None;
            }
        };
        let begun = Instant::now();
        let answer = connection.call(call);
        let took = begun.elapsed();
        let outcome = match &answer {
            Ok(answer) => Outcome::Answered {
                status: answer.status,
                code: if answer.status < 300 { String::new() } else { answer.text("code") },
                retry_after: answer.header("retry-after").and_then(|after| after.parse().ok()),
            },
            Err(error) => Outcome::Lost(error.kind()),
        };
        self.calls.push(Made { what, is_first, begun, took, outcome });
        let answer = answer.ok();
        if answer.as_ref().is_some_and(|answer| answer.header("connection") != Some("close")) {
            self.connection = Some(connection);
        }
        match answer {
            Some(answer) if answer.status < 300 => {
                self.succeeded.fetch_add(1, Ordering::AcqRel);
                Some(answer)
            }
            _ => {
                self.failed.fetch_add(1, Ordering::AcqRel);
                pause(DISAPPOINTED);
                None
            }
        }
    }
}

impl Journal {
    fn of(email: String) -> Self {
        Self {
            email,
            registered: false,
            password: PASSWORD.to_owned(),
            attempted: None,
            tokens: Vec::new(),
            refreshing: false,
        }
    }

    /// Checks the state of the user: a confirmed change is stored, and an unconfirmed one is stored completely or not
    /// at all. The grace period for refresh tokens has to be a long one.
    pub(crate) fn check(&self, service: &Service) {
        let mut connection = service.connect();
        let mut ask = |call: &Call| connection.call(call).expect("an answer");
        let mut logs_in = |password: &str| match ask(&login(&self.email, password)).status {
            200 => true,
            401 => false,
            status => panic!("{status} at the login of {self:?}"),
        };
        let with_old = logs_in(&self.password);
        let with_new = self.attempted.as_ref().is_some_and(|attempted| logs_in(attempted));
        let again = ask(&register(&self.email, PASSWORD)).status;
        if self.registered {
            assert!(with_old != with_new, "{with_old}, {with_new}: {self:?}");
            assert_eq!(again, 409, "{self:?}");
        } else {
            assert!(matches!((with_old, again), (true, 409) | (false, 201)), "{with_old}, {again}: {self:?}");
        }
        let Some(last) = self.tokens.last() else { return };
        if with_new {
            // The password change took effect and ended the session, although its response was lost.
            assert_eq!(ask(&refresh(last)).status, 401, "{self:?}");
            return;
        }
        // Whether the pending refresh happened or not, the client continues with the token that it has.
        let successor = Tokens::of(&ask(&refresh(last))).refresh;
        let again = Tokens::of(&ask(&refresh(last))).refresh;
        assert_eq!(successor, again, "a session has one live token");
        Tokens::of(&ask(&refresh(&successor)));
    }
}

impl Ended {
    /// Checks every user, and returns their number.
    pub(crate) fn check_all(&self, service: &Service) -> usize {
        self.journals.iter().for_each(|journal| journal.check(service));
        self.journals.len()
    }

    /// Checks that every request got a response: success or a clear 503.
    #[track_caller]
    pub(crate) fn check_answers(&self) {
        let odd: Vec<&Made> =
            self.calls.iter().filter(|made| !made.is_success() && !made.is_clear_503()).collect();
        assert!(odd.is_empty(), "{} of {}: {:?}", odd.len(), self.calls.len(), &odd[..odd.len().min(10)]);
    }

    /// Time from this moment to the start of the last request that failed.
    pub(crate) fn failed_until(&self, moment: Instant) -> Duration {
        let failed = self.calls.iter().filter(|made| !made.is_success()).map(|made| made.begun).max();
        failed.map_or(Duration::ZERO, |last| last.saturating_duration_since(moment))
    }

    /// The duration of the slowest request of this kind.
    pub(crate) fn slowest(&self, is_it: impl Fn(&Made) -> bool) -> Duration {
        self.calls.iter().filter(|made| is_it(made)).map(|made| made.took).max().unwrap_or_default()
    }

    /// Median duration of the requests that got a clear 503. A moment in which the machine stands still does not change
    /// it.
    pub(crate) fn half_were_told_within(&self) -> Duration {
        let mut took: Vec<Duration> =
            self.calls.iter().filter(|made| made.is_clear_503()).map(|made| made.took).collect();
        took.sort_unstable();
        took.get(took.len() / 2).copied().unwrap_or_default()
    }

    /// A summary in figures.
    pub(crate) fn figures(&self) -> String {
        let count = |is_it: &dyn Fn(&Made) -> bool| self.calls.iter().filter(|made| is_it(made)).count();
        let lost: Vec<io::ErrorKind> = self.calls.iter().filter_map(Made::lost).collect();
        let refused = count(&|made| made.status() == Some(503));
        format!(
            "{} sent, {} answered ({} with success, {refused} with 503), {} lost{}; slowest success {:.0?}, slowest 503 \
             {:.0?}",
            self.calls.len(),
            self.calls.len() - lost.len(),
            count(&Made::is_success),
            lost.len(),
            if lost.is_empty() { String::new() } else { format!(" ({:?}, …)", lost[0]) },
            self.slowest(Made::is_success),
            self.slowest(Made::is_clear_503),
        )
    }
}
