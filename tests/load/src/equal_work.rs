//! Tests whether the time of a response reveals what the response conceals: why a login failed, for example.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inwren_adapters::clock::SystemClock;
use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_adapters::entropy::SystemEntropy;
use inwren_adapters::store::sql::{SqlOptions, SqlStore, SqlTarget};
use inwren_domain::account::{Tier, User};
use inwren_domain::authn::{Acr, Assurance};
use inwren_domain::credential::{
    Account, ClientTrust, Password, PasswordHash, PasswordHasher as _, Requester,
};
use inwren_domain::kernel::{ClientInfo, Clock as _, Email, SessionId, TokenDigest, TokenId, UserId};
use inwren_domain::session::{Session, SessionKind};
use inwren_domain::store::Store as _;
use serde_json::json;

use crate::client::{Connection, get, send};
use crate::paths::people;
use crate::report::{Line, Target};
use crate::service::{PASSWORD, Service};
use crate::statistics::{median, welch};

const WRONG: &str = "not the pass phrase at all";
/// Concurrent logins during the measurement under load.
const OTHERS: usize = 2;
const READERS: usize = 4;
/// The threshold of dudect (Reparaz, Balasch and Verbauwhede, 2017): a larger t shows a difference.
const DIFFERENT: f64 = 4.5;
/// The share of samples to keep. As in dudect, the slowest of all samples are dropped, because they reflect the
/// machine.
const KEPT: f64 = 0.95;
/// The largest allowed ratio of the medians on an idle machine.
const RATIO: f64 = 1.02;

/// A kind of request. The responses to several kinds are the same.
pub struct Case {
    /// What distinguishes it from the others.
    pub name: String,
    /// The n-th request.
    pub request: Box<dyn Fn(usize) -> Vec<u8>>,
}

/// The case of a failed login.
fn failed_login(name: &str, email: &str, password: &str) -> Case {
    let request = attempt(email, password);
    Case { name: name.to_owned(), request: Box::new(move |_| request.clone()) }
}

/// The parameters of older hashes: one set that OWASP lists as equivalent to the default, with the least memory, and
/// one that is far too cheap today.
const EARLIER: [(&str, Argon2Parameters); 2] = [
    ("an older hash, as costly", Argon2Parameters { memory_kib: 7_168, iterations: 5, parallelism: 1 }),
    ("an older hash, cheap", Argon2Parameters { memory_kib: 4_096, iterations: 1, parallelism: 1 }),
];

/// Creates accounts whose logins fail for different reasons.
fn prepare(url: &str) -> Vec<Case> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let target = SqlTarget::parse(url).expect("a URL");
        let store = SqlStore::connect(&target, &SqlOptions::default()).await.expect("a database");
        let mut reasons = vec![failed_login("an unknown address", "nobody@equal.example", WRONG)];
        let current = Argon2Parameters::default();
        let accounts = [("a wrong password", true, WRONG, current), ("inactive", false, PASSWORD, current)];
        let earlier = EARLIER.map(|(name, parameters)| (name, true, WRONG, parameters));
        for (name, is_active, password, parameters) in accounts.into_iter().chain(earlier) {
            let email = format!("{}@equal.example", name.replace([' ', ','], "-"));
            add(&store, &email, is_active, hash(parameters).await).await;
            reasons.push(failed_login(name, &email, password));
        }
        store.close().await;
        reasons
    })
}

async fn hash(parameters: Argon2Parameters) -> PasswordHash {
    let limits = HasherLimits::for_machine(1, parameters);
    let hasher = Argon2Hasher::start(parameters, limits, Arc::new(SystemEntropy)).expect("a hasher");
    let requester = Requester::new(&ClientInfo::default(), ClientTrust::Unrecognised);
    hasher.hash(Password::new(PASSWORD), requester).await.expect("a hash")
}

/// Adds a user with ten sessions, all started at another address: every account treats the measuring client as
/// unrecognised.
async fn add(store: &SqlStore, email: &str, is_active: bool, hash: PasswordHash) {
    let now = SystemClock::start().now();
    let user = User {
        id: UserId::generate(now, &SystemEntropy).expect("an id"),
        email: Email::parse(email).expect("an address"),
        is_active,
        is_superuser: false,
        tier: Tier::from_stored("free".to_owned()),
        created_at: now,
        updated_at: now,
        email_verified_at: None,
        email_undeliverable_at: None,
        locale: None,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    };
    let user_id = user.id;
    let mut unit = store.begin().await.expect("a unit");
    unit.users().insert(&Account { user, password: Some(hash) }).await.expect("a user");
    for _ in 0..10 {
        let session = Session {
            id: SessionId::generate(now, &SystemEntropy).expect("an id"),
            user_id,
            kind: SessionKind::Api,
            generation: 0,
            rekeyed_generation: 0,
            refresh_jti: TokenId::for_refresh(0, &SystemEntropy).expect("an id"),
            hashed_refresh_token: TokenDigest::from_bytes([7; 32]),
            previous_hashed_refresh_token: None,
            rotated_at: now,
            created_at: now,
            authenticated_at: now,
            assurance: Assurance::PASSWORD,
            is_for_enrolment: false,
            last_used_at: now,
            expires_at: now + Duration::from_secs(86_400),
            max_expires_at: now + Duration::from_secs(86_400),
            revoked: None,
            client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("equal/1.0")),
            last_client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("equal/1.0")),
            epoch: 0,
        };
        unit.sessions().insert(&session).await.expect("a session");
    }
    unit.commit().await.expect("a commit");
}

/// Sends failing logins for each reason in turn, first alone and then under load, and compares their times. `measured`
/// is the duration per reason.
pub fn lines(service: &Service, url: &str, measured: Duration) -> Vec<Line> {
    let reasons = prepare(url);
    let time = measured * u32::try_from(reasons.len()).unwrap_or(1);
    let take = || {
        let begun = Instant::now();
        samples(service.address, &reasons, 401, |_| begun.elapsed() >= time)
    };
    let idle = compare("refused, idle", &reasons, &take());
    let loaded = compare("refused, under load", &reasons, &under_load(service, take));
    // The medians of logins that queue for each other scatter by more than the allowed ratio, so only the test of the
    // means applies.
    idle.into_iter()
        .flat_map(|(means, medians)| [means, medians])
        .chain(loaded.into_iter().map(|(means, _)| means))
        .collect()
}

fn under_load<T>(service: &Service, work: impl FnOnce() -> T) -> T {
    let readers = people(service, "equal-reader", READERS);
    let others = people(service, "equal-other", OTHERS);
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let ask = |request: Vec<u8>| {
            let (over, address) = (&over, service.address);
            scope.spawn(move || {
                let mut connection = Connection::open(address).expect("a connection");
                while !over.load(Ordering::Relaxed) {
                    connection.call(&request).expect("an answer");
                }
            });
        };
        for reader in &readers {
            ask(get("/users/me", &reader.access));
        }
        for number in 0..others.len() {
            ask(attempt(&format!("equal-stranger-{number}@load.example"), WRONG));
        }
        let done = work();
        over.store(true, Ordering::Relaxed);
        done
    })
}

fn attempt(email: &str, password: &str) -> Vec<u8> {
    send("POST", "/auth/login", None, &json!({ "email": email, "password": password }))
}

/// Response times in seconds, by case, of the responses with this status. `is_over` gets the number of passes.
pub fn samples(
    address: SocketAddr,
    cases: &[Case],
    status: u16,
    is_over: impl Fn(usize) -> bool,
) -> Vec<Vec<f64>> {
    let mut connection = Connection::open(address).expect("a connection");
    let mut took = vec![Vec::new(); cases.len()];
    let mut order: Vec<usize> = (0..cases.len()).collect();
    let (mut shuffle, mut passes) = (Shuffle(1), 0);
    while !is_over(passes) {
        // Each pass uses a new order, so that no case always follows the same one.
        shuffle.mix(&mut order);
        for &case in &order {
            let request = (cases[case].request)(passes);
            let asked = Instant::now();
            let received = connection.call(&request).expect("an answer").status;
            // A busy service rejects with another status, which is not compared. The first pass warms up.
            if passes > 0 && received == status {
                took[case].push(asked.elapsed().as_secs_f64());
            }
        }
        passes += 1;
    }
    took
}

/// Compares each case with the first one: a test of the means, and the medians.
pub fn compare(what: &str, cases: &[Case], took: &[Vec<f64>]) -> Vec<(Line, Line)> {
    let mut all: Vec<f64> = took.iter().flatten().copied().collect();
    all.sort_by(f64::total_cmp);
    let longest = all.get((all.len() as f64 * KEPT) as usize).copied().unwrap_or(f64::INFINITY);
    let kept = |sample: &[f64]| -> Vec<f64> {
        sample.iter().copied().filter(|seconds| *seconds < longest).collect()
    };
    let first = kept(&took[0]);
    let mut lines = Vec::new();
    for (case, sample) in cases.iter().zip(took).skip(1) {
        let sample = kept(sample);
        let test = welch(&sample, &first);
        let [found, expected] = [&sample, &first].map(|sample| median(sample) * 1e3);
        println!(
            "  {what}, {}: t {:.2}, {:.0} degrees of freedom, p {:.4}; medians {found:.3} ms and {expected:.3} ms, \
             ratio {:.4}, of {} and {}",
            case.name,
            test.t,
            test.freedom,
            test.p,
            found / expected,
            sample.len(),
            first.len(),
        );
        let name = format!("{what}: {}", case.name);
        let means = Line {
            name: format!("{name}, Welch's t"),
            measured: test.t.abs(),
            limit: DIFFERENT,
            unit: "",
            target: Target::AtMost(1.0),
        };
        let (less, more) = if found < expected { (found, expected) } else { (expected, found) };
        let medians = Line {
            name: format!("{name}, medians"),
            measured: more,
            limit: less,
            unit: "ms",
            target: Target::AtMost(RATIO),
        };
        lines.push((means, medians));
    }
    lines
}

/// Shuffles items in the same way in every run (a linear congruential generator with the multiplier of Knuth's MMIX).
struct Shuffle(u64);

impl Shuffle {
    fn mix(&mut self, things: &mut [usize]) {
        for end in (1..things.len()).rev() {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            things.swap(end, (self.0 >> 33) as usize % (end + 1));
        }
    }
}
