//! `kill -9` between an authorization code and its tokens: every exchange that the service confirmed is durable, and no
//! code works twice.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use inwren_tests::is_long;
use inwren_tests::process::{Answer, Call, Connection, Service, pause, until};
use inwren_tests::stores::TempFolder;

use super::program;
use crate::process::support::application::{
    Application, Browser, Request, code_in, expect_invalid_grant, userinfo,
};
use crate::process::support::client::{PASSWORD, Tokens, register};
use crate::process::support::database::Storage;

const CLIENTS: usize = 4;
/// How many codes a client exchanges before it logs the next user in.
const EXCHANGES: usize = 6;
/// How long a code works: 60 s, less what the clocks of the test and of the service may differ.
const LIFETIME: Duration = Duration::from_secs(55);

/// Number of kills.
fn rounds() -> usize {
    if is_long() { 15 } else { 3 }
}

#[test]
fn confirmed_exchanges_are_durable_on_sqlite() {
    kill_again_and_again(&Storage::sqlite());
}

#[test]
fn confirmed_exchanges_are_durable_on_postgres() {
    kill_again_and_again(&Storage::postgres());
}

fn kill_again_and_again(storage: &Storage) {
    let folder = TempFolder::new();
    let program = program(&folder, &storage.url());
    program.clone().args(["migrate", "up"]).run().with_code(0);
    let wiki = Application::register(&program, "wiki", &["--first-party"]);
    let (mut figures, mut lost) = (Figures::default(), 0);
    for round in 0..rounds() {
        let mut service = program.start();
        let load = Load::start(service.address(), &wiki, round);
        // Kill after a number of exchanges that differs per round.
        load.wait_for(20 + 8 * (round % 5));
        service.kill();
        let (codes, failed) = load.finish();
        lost += failed;
        let service = program.start();
        check(&service, &wiki, &codes, &mut figures);
        assert_eq!(service.stop().lines().filter(|line| line.contains("ERROR")).count(), 0);
    }
    let Figures { kept, spent_unheard, unspent, exchanged } = figures;
    println!(
        "kill -9 on {}, {} rounds, {lost} responses lost: {exchanged} confirmed exchanges held, of the others \
         {spent_unheard} had happened and {unspent} not; {kept} unused codes worked",
        storage.name(),
        rounds()
    );
    assert!(exchanged > rounds() * CLIENTS && kept > 0);
    assert!(lost > 0, "every kill hit a pause");
}

/// A code that a client received.
struct Code {
    request: Request,
    code: String,
    /// When the client asked for it.
    asked_at: Instant,
    fate: Fate,
}

/// What the client did with a code.
enum Fate {
    /// It has not used the code yet.
    Kept,
    /// It has sent the code, and received no tokens.
    Sent,
    Exchanged(Tokens),
}

/// The codes that were checked.
#[derive(Default)]
struct Figures {
    kept: usize,
    /// Codes whose exchange got no response and had happened.
    spent_unheard: usize,
    /// Codes whose exchange got no response and had not happened.
    unspent: usize,
    exchanged: usize,
}

/// Checks all codes after the restart.
fn check(service: &Service, wiki: &Application, codes: &[Code], figures: &mut Figures) {
    let mut line = service.connect();
    let mut ask = |call: &Call| line.call(call).expect("an answer");
    // Kept codes come first, because they expire.
    for code in codes.iter().filter(|code| matches!(code.fate, Fate::Kept)) {
        let answer = ask(&wiki.exchange(&code.request, &code.code));
        if code.asked_at.elapsed() < LIFETIME {
            Tokens::of(&answer);
            figures.kept += 1;
        }
    }
    for code in codes {
        let again = wiki.exchange(&code.request, &code.code);
        match &code.fate {
            Fate::Kept => {}
            Fate::Sent => match ask(&again) {
                answer if answer.status == 200 => figures.unspent += 1,
                answer => {
                    expect_invalid_grant(&answer);
                    figures.spent_unheard += 1;
                }
            },
            Fate::Exchanged(tokens) => {
                ask(&userinfo(&tokens.access)).expect(200);
                let tokens = Tokens::of(&ask(&wiki.refresh(&tokens.refresh)));
                expect_invalid_grant(&ask(&again));
                // The second use of the code ends what the first one started.
                ask(&userinfo(&tokens.access)).expect(401);
                expect_invalid_grant(&ask(&wiki.refresh(&tokens.refresh)));
                figures.exchanged += 1;
            }
        }
    }
}

/// Clients that log users in and exchange codes until they are stopped.
struct Load {
    stop: Arc<AtomicBool>,
    exchanged: Arc<AtomicUsize>,
    clients: Vec<JoinHandle<Client>>,
}

struct Client {
    name: String,
    address: SocketAddr,
    wiki: Application,
    stop: Arc<AtomicBool>,
    exchanged: Arc<AtomicUsize>,
    codes: Vec<Code>,
    /// Number of requests without a response.
    lost: usize,
}

impl Load {
    fn start(address: SocketAddr, wiki: &Application, round: usize) -> Self {
        let (stop, exchanged) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let clients = (0..CLIENTS).map(|number| {
            let client = Client {
                name: format!("round-{round}-{number}"),
                address,
                wiki: wiki.clone(),
                stop: Arc::clone(&stop),
                exchanged: Arc::clone(&exchanged),
                codes: Vec::new(),
                lost: 0,
            };
            thread::spawn(move || client.run())
        });
        let clients = clients.collect();
        Self { stop, exchanged, clients }
    }

    /// Waits for this many exchanges.
    #[track_caller]
    fn wait_for(&self, exchanges: usize) {
        until("enough exchanges", || self.exchanged.load(Ordering::Acquire) >= exchanges);
    }

    /// Stops all clients. Returns their codes, and the number of requests without a response.
    fn finish(self) -> (Vec<Code>, usize) {
        self.stop.store(true, Ordering::Release);
        let (mut codes, mut lost) = (Vec::new(), 0);
        for client in self.clients {
            let client = client.join().expect("a client");
            codes.extend(client.codes);
            lost += client.lost;
        }
        (codes, lost)
    }
}

impl Client {
    fn run(mut self) -> Self {
        for number in 0.. {
            if self.stop.load(Ordering::Acquire) {
                break;
            }
            // Any failure ends the story of this user.
            if self.live(&format!("{}-{number}@example.org", self.name)).is_none() {
                pause(Duration::from_millis(20));
            }
        }
        self
    }

    /// Asks for each code before it exchanges the previous one, so that a kill always finds codes that are not used.
    fn live(&mut self, email: &str) -> Option<()> {
        let mut line = Connection::open(self.address).ok()?;
        let mut browser = Browser::default();
        let registered = line.call(&register(email, PASSWORD));
        self.answered(registered, 201)?;
        let (asked_at, request) = (Instant::now(), self.wiki.request());
        let page = browser.open(&mut line, &request.path);
        let page = self.answered(page, 200)?;
        let fields = [("email", email), ("password", PASSWORD)];
        let answer = browser.submit(&mut line, &page, "/login", &fields);
        self.receive(request, asked_at, answer)?;
        for _ in 0..EXCHANGES {
            if self.stop.load(Ordering::Acquire) {
                return None;
            }
            let previous = self.codes.len() - 1;
            let (asked_at, request) = (Instant::now(), self.wiki.request());
            let answer = browser.open(&mut line, &request.path);
            self.receive(request, asked_at, answer)?;
            self.exchange(&mut line, previous)?;
        }
        Some(())
    }

    fn receive(&mut self, request: Request, asked_at: Instant, answer: io::Result<Answer>) -> Option<()> {
        let code = code_in(&self.answered(answer, 303)?);
        self.codes.push(Code { request, code, asked_at, fate: Fate::Kept });
        Some(())
    }

    fn exchange(&mut self, line: &mut Connection, place: usize) -> Option<()> {
        let code = &mut self.codes[place];
        code.fate = Fate::Sent;
        let answer = line.call(&self.wiki.exchange(&code.request, &code.code));
        let tokens = Tokens::of(&self.answered(answer, 200)?);
        self.codes[place].fate = Fate::Exchanged(tokens);
        self.exchanged.fetch_add(1, Ordering::AcqRel);
        Some(())
    }

    /// Returns the answer, if there is one. If the machine stands still for a moment, a client may get a 503.
    #[track_caller]
    fn answered(&mut self, answer: io::Result<Answer>, status: u16) -> Option<Answer> {
        match answer {
            Ok(answer) if answer.status == 503 => None,
            Ok(answer) => Some(answer.expect(status)),
            Err(_) => {
                self.lost += 1;
                None
            }
        }
    }
}
