//! The hasher with Argon2id.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_domain::credential::{
    AcceptedHashes, ClientTrust, HasherError, Password, PasswordHash, PasswordHasher, Requester, Verification,
};
use inwren_domain::kernel::ClientNetwork;
use inwren_tests::fakes::SeededEntropy;
use inwren_tests::limiters::network_of;
use tokio::task::JoinHandle;

const CHEAP: Argon2Parameters = Argon2Parameters { memory_kib: 64, iterations: 1, parallelism: 1 };

fn hasher(parameters: Argon2Parameters, limits: HasherLimits) -> Argon2Hasher {
    Argon2Hasher::start(parameters, limits, Arc::new(SeededEntropy::new(1))).unwrap()
}

fn cheap() -> Argon2Hasher {
    hasher(CHEAP, HasherLimits::for_machine(2, CHEAP))
}

fn password() -> Password {
    Password::new("correct horse battery staple")
}

fn stranger() -> Requester {
    Requester { network: ClientNetwork::default(), trust: ClientTrust::Unrecognised }
}

/// A hasher with one thread that is slow enough for a queue of up to `max_waiting` requests.
fn slow(max_waiting: usize) -> Arc<Argon2Hasher> {
    let parameters = Argon2Parameters { memory_kib: 16 * 1024, iterations: 2, parallelism: 1 };
    let limits = HasherLimits {
        threads: 1,
        memory_budget_kib: 16 * 1024,
        max_waiting,
        max_wait: Duration::from_secs(600),
        max_wait_of_known: Duration::from_secs(600),
    };
    Arc::new(hasher(parameters, limits))
}

type Asked = JoinHandle<Result<Verification, HasherError>>;

/// How many unrecognised clients of the crowd have been served.
type Served = Arc<AtomicUsize>;

/// Starts verifications by `strangers` unrecognised clients from one network.
fn ask(hasher: &Arc<Argon2Hasher>, strangers: usize, served: &Served) -> Vec<Asked> {
    ask_from(|_| stranger(), hasher, strangers, served)
}

fn ask_from(
    from: impl Fn(usize) -> Requester,
    hasher: &Arc<Argon2Hasher>,
    strangers: usize,
    served: &Served,
) -> Vec<Asked> {
    let one = |number| {
        let (hasher, served, from) = (Arc::clone(hasher), Arc::clone(served), from(number));
        tokio::spawn(async move {
            let answer = hasher.verify(password(), None, from).await;
            served.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
            answer
        })
    };
    (0..strangers).map(one).collect()
}

/// Like `ask`, but returns when half of the clients wait. The queue must have room for them.
async fn crowd(hasher: &Arc<Argon2Hasher>, size: usize, served: &Served) -> Vec<Asked> {
    gathered(ask(hasher, size, served), hasher).await
}

async fn gathered(crowd: Vec<Asked>, hasher: &Arc<Argon2Hasher>) -> Vec<Asked> {
    let size = crowd.len();
    while hasher.metrics().waiting < size / 2 {
        tokio::task::yield_now().await;
    }
    crowd
}

async fn disperse(crowd: Vec<Asked>) {
    crowd.iter().for_each(JoinHandle::abort);
    for gone in crowd {
        let _ = gone.await;
    }
}

async fn assert_overtakes_a_crowd(requester: Requester, hasher: &Arc<Argon2Hasher>) {
    assert_overtakes(|_| stranger(), requester, hasher).await;
}

async fn assert_overtakes(
    crowd: impl Fn(usize) -> Requester,
    requester: Requester,
    hasher: &Arc<Argon2Hasher>,
) {
    let served = Served::default();
    let crowd = gathered(ask_from(crowd, hasher, 60, &served), hasher).await;
    let (before, other) = (served.load(Ordering::Relaxed), Arc::clone(hasher));
    let asked = tokio::spawn(async move {
        let answer = other.verify(password(), None, requester).await;
        // Counts the clients served before this answer. A count taken later would depend on the load of the machine.
        (answer, served.load(Ordering::Relaxed))
    });
    let (answer, after) = asked.await.unwrap();
    assert_eq!(answer.unwrap(), Verification::Mismatch);
    assert!(after - before < 10, "{} of the crowd were served first", after - before);
    disperse(crowd).await;
}

fn phc(text: &str) -> Option<PasswordHash> {
    Some(PasswordHash::from_phc(text.to_owned()))
}

#[tokio::test]
async fn a_password_is_found_again_and_no_other() {
    let hasher = cheap();
    let hash = hasher.hash(password(), stranger()).await.unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", hash.expose());
    assert_ne!(hash, hasher.hash(password(), stranger()).await.unwrap(), "every hash has a salt of its own");
    let matched = hasher.verify(password(), Some(hash.clone()), stranger()).await.unwrap();
    assert_eq!(matched, Verification::Match { rehashed: None });
    let other =
        hasher.verify(Password::new("correct horse battery stapl"), Some(hash), stranger()).await.unwrap();
    assert_eq!(other, Verification::Mismatch);
    assert_eq!(hasher.verify(password(), None, stranger()).await.unwrap(), Verification::Mismatch);
}

#[tokio::test]
async fn the_same_characters_typed_otherwise_are_the_same_password() {
    let hasher = cheap();
    let hash = hasher.hash(Password::new("Ａngström ﬁnal"), stranger()).await.unwrap();
    let verified =
        hasher.verify(Password::new("A\u{6e}gstro\u{308}m final"), Some(hash), stranger()).await.unwrap();
    assert_eq!(verified, Verification::Match { rehashed: None });
}

#[tokio::test]
async fn the_reference_implementations_hashes_are_understood() {
    // Made by the reference implementation: argon2id and argon2i, versions 19 and 16.
    let hasher = cheap();
    for known in [
        "$argon2id$v=19$m=256,t=2,p=2$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2i$v=19$m=256,t=2,p=1$c29tZXNhbHQ$iekCn0Y3spW+sCcFanM2xBT63UP2sghkUoHLIUpWRS8",
    ] {
        let verified = hasher.verify(Password::new("password"), phc(known), stranger()).await.unwrap();
        let Verification::Match { rehashed: Some(rehashed) } = verified else {
            panic!("{known} was not matched and renewed: {verified:?}")
        };
        assert!(rehashed.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let again = hasher.verify(Password::new("password"), Some(rehashed), stranger()).await.unwrap();
        assert_eq!(again, Verification::Match { rehashed: None });
    }
}

#[tokio::test]
async fn what_is_no_acceptable_hash_is_refused() {
    let hasher = cheap();
    for rubbish in [
        "",
        "plain",
        "$2b$12$abcdefghijklmnopqrstuvABCDEFGHIJKLMNOPQRSTUV0123456789012",
        "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ",
        "$argon2id$v=19$m=4294967295,t=1,p=1$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
        "$argon2id$v=19$m=64,t=4294967295,p=1$c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc",
    ] {
        let refused = hasher.verify(password(), phc(rubbish), stranger()).await;
        assert!(matches!(refused, Err(HasherError::Unusable(_))), "{rubbish}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_queue_callers_are_told_at_once() {
    let hasher = slow(3);
    let (mut done, mut busy) = (0, 0);
    for asked in ask(&hasher, 12, &Served::default()) {
        match asked.await.unwrap() {
            Ok(Verification::Mismatch) => done += 1,
            Err(HasherError::Busy { retry_after }) if retry_after > Duration::ZERO => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(done >= 3 && busy >= 1 && done + busy == 12, "{done} done, {busy} busy");
    let metrics = hasher.metrics();
    assert_eq!((metrics.waiting, metrics.computed, metrics.refused), (0, done, busy));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_crowd_does_not_keep_others_from_their_turn() {
    let elsewhere = Requester { network: ClientNetwork::of([192, 0, 2, 9].into()), ..stranger() };
    assert_overtakes_a_crowd(elsewhere, &slow(100)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_networks_of_one_customer_do_not_keep_others_from_their_turn() {
    let network = |number| network_of(1, u16::try_from(number).unwrap());
    let crowd = |number| Requester { network: network(number), ..stranger() };
    let elsewhere = [ClientNetwork::of([192, 0, 2, 9].into()), network_of(2, 1)];
    // The queue has room first, and is full then.
    for (network, max_waiting) in elsewhere.into_iter().zip([100, 50]) {
        assert_overtakes(crowd, Requester { network, ..stranger() }, &slow(max_waiting)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_known_is_served_although_strangers_fill_the_queue() {
    let known = Requester { trust: ClientTrust::Recognised, ..stranger() };
    assert_overtakes_a_crowd(known, &slow(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_have_gone_away_are_not_hashed_for() {
    let hasher = slow(100);
    disperse(crowd(&hasher, 100, &Served::default()).await).await;
    // The queue is full of jobs whose callers have gone: they make room, and this job is next.
    let answer = hasher.verify(password(), None, stranger()).await;
    assert_eq!(answer.unwrap(), Verification::Mismatch);
    let metrics = hasher.metrics();
    assert_eq!(metrics.waiting, 0);
    assert!(metrics.computed < 90, "{} hashes for nobody", metrics.computed);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_in_a_crowd_is_answered() {
    let hasher = Arc::new(cheap());
    for asked in ask(&hasher, 200, &Served::default()) {
        assert_eq!(asked.await.unwrap().unwrap(), Verification::Mismatch);
    }
}

/// A hash with these parameters that matches no password.
fn stored(memory_kib: u32, iterations: u32) -> PasswordHash {
    let salt_and_sum = "c29tZXNhbHQ$bQk8UB/VmZZF4Oo79iDXuL5/0ttZwg2f/5U52iv1cDc";
    PasswordHash::from_phc(format!("$argon2id$v=19$m={memory_kib},t={iterations},p=1${salt_and_sum}"))
}

async fn is_unusable(hasher: &Argon2Hasher, hash: &PasswordHash) -> bool {
    let computed = hasher.metrics().computed;
    let verified = hasher.verify(password(), Some(hash.clone()), stranger()).await;
    let checked = hasher.check(password(), hash.clone(), stranger()).await;
    assert_eq!(hasher.metrics().computed, computed + 2, "a refusal costs what a mismatch costs");
    match (verified, checked) {
        (Err(HasherError::Unusable(_)), Err(HasherError::Unusable(_))) => true,
        (Ok(Verification::Mismatch), Ok(false)) => false,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_stored_hash_beyond_the_memory_budget_is_unusable() {
    let limits = HasherLimits { memory_budget_kib: 1_024, ..HasherLimits::for_machine(2, CHEAP) };
    let hasher = hasher(CHEAP, limits);
    // The budget leaves 64 KiB for a usual hash on the other thread.
    for (memory_kib, expected) in [(64, false), (960, false), (968, true), (4 * 1_024 * 1_024, true)] {
        let hash = stored(memory_kib, 1);
        assert_eq!(is_unusable(&hasher, &hash).await, expected, "{memory_kib} KiB");
        assert_eq!(hasher.can_verify(&hash), !expected, "{memory_kib} KiB");
    }
}

#[tokio::test]
async fn a_stored_hash_that_takes_too_long_is_unusable() {
    // This hash would take 30 seconds on a fast machine, however much memory it has.
    let limits = HasherLimits { memory_budget_kib: 4 * 1_024 * 1_024, ..HasherLimits::for_machine(2, CHEAP) };
    let (dear, begun) = (stored(2 * 1_024 * 1_024, 64), std::time::Instant::now());
    for is_imported in [true, false] {
        let hasher = hasher(CHEAP, limits);
        // The first call measures the machine, whether it is an import or a verification.
        assert!(!is_imported || !hasher.can_verify(&dear));
        assert!(is_unusable(&hasher, &dear).await);
        assert!(!hasher.can_verify(&dear));
        assert!(
            hasher.can_verify(&stored(16 * 1_024, 2)) && !is_unusable(&hasher, &stored(16 * 1_024, 2)).await
        );
    }
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_and_large_hashes_leave_a_thread_and_memory_for_others() {
    // Each large hash takes some tenths of a second. The hasher refuses hashes that take more than two seconds.
    let hasher = Arc::new(hasher(
        CHEAP,
        HasherLimits {
            max_wait: Duration::from_secs(600),
            max_wait_of_known: Duration::from_secs(600),
            ..HasherLimits::for_machine(2, CHEAP)
        },
    ));
    let dear = stored(128 * 1_024, 4);
    let crowd: Vec<_> = (0..4)
        .map(|_| {
            let (hasher, dear) = (Arc::clone(&hasher), dear.clone());
            tokio::spawn(async move { hasher.verify(password(), Some(dear), stranger()).await })
        })
        .collect();
    while hasher.metrics().waiting < 3 && !crowd.iter().any(JoinHandle::is_finished) {
        tokio::task::yield_now().await;
    }
    for _ in 0..10 {
        assert_eq!(hasher.verify(password(), None, stranger()).await.unwrap(), Verification::Mismatch);
    }
    let done = crowd.iter().filter(|asked| asked.is_finished()).count();
    assert!(done < 4, "ten cheap hashes waited for all of the dear ones");
    for asked in crowd {
        assert_eq!(asked.await.unwrap().unwrap(), Verification::Mismatch);
    }
    assert_eq!(hasher.metrics().computed, 14);
}

#[tokio::test]
async fn a_hash_with_the_current_parameters_is_usable_whatever_it_costs() {
    let dear = Argon2Parameters { memory_kib: 8 * 1_024, iterations: 1, parallelism: 1 };
    let limits = HasherLimits { memory_budget_kib: 64, ..HasherLimits::for_machine(1, dear) };
    let hasher = hasher(dear, limits);
    let hash = hasher.hash(password(), stranger()).await.unwrap();
    assert!(hasher.can_verify(&hash));
    let verified = hasher.verify(password(), Some(hash), stranger()).await.unwrap();
    assert_eq!(verified, Verification::Match { rehashed: None });
}

#[test]
fn impossible_parameters_are_refused() {
    let entropy = Arc::new(SeededEntropy::new(1));
    for parameters in [
        Argon2Parameters { memory_kib: 1, ..CHEAP },
        Argon2Parameters { iterations: 0, ..CHEAP },
        Argon2Parameters { parallelism: 0, ..CHEAP },
        Argon2Parameters { memory_kib: u32::MAX, ..CHEAP },
    ] {
        let limits = HasherLimits::for_machine(1, CHEAP);
        assert!(Argon2Hasher::start(parameters, limits, entropy.clone()).is_err(), "{parameters:?}");
    }
}
