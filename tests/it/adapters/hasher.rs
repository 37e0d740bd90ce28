//! The hasher with Argon2id.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_domain::model::{ClientNetwork, Password, PasswordHash};
use inwren_domain::ports::{HasherError, PasswordHasher, Requester, Standing, Verification};
use inwren_tests::fakes::SeededEntropy;
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
    Requester { network: ClientNetwork::default(), standing: Standing::Stranger }
}

/// A hasher with one thread that is slow enough for a crowd to gather before it, and as many who wait as are wanted.
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

/// How many strangers have got what they wanted.
type Served = Arc<AtomicUsize>;

/// So many strangers from one network ask at once.
fn ask(hasher: &Arc<Argon2Hasher>, strangers: usize, served: &Served) -> Vec<Asked> {
    let one = |_| {
        let (hasher, served) = (Arc::clone(hasher), Arc::clone(served));
        tokio::spawn(async move {
            let answer = hasher.verify(password(), None, stranger()).await;
            served.fetch_add(usize::from(answer.is_ok()), Ordering::Relaxed);
            answer
        })
    };
    (0..strangers).map(one).collect()
}

/// The same, once most of them wait. There must be room for them.
async fn crowd(hasher: &Arc<Argon2Hasher>, size: usize, served: &Served) -> Vec<Asked> {
    let crowd = ask(hasher, size, served);
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
    let served = Served::default();
    let crowd = crowd(hasher, 60, &served).await;
    let (before, other) = (served.load(Ordering::Relaxed), Arc::clone(hasher));
    let asked = tokio::spawn(async move {
        let answer = other.verify(password(), None, requester).await;
        // By the order of the answers, and not by what waits a moment later: on a busy machine that is another matter.
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
async fn somebody_known_is_served_although_strangers_fill_the_queue() {
    let known = Requester { standing: Standing::Known, ..stranger() };
    assert_overtakes_a_crowd(known, &slow(50)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_have_gone_away_are_not_hashed_for() {
    let hasher = slow(100);
    disperse(crowd(&hasher, 100, &Served::default()).await).await;
    // The queue is full of jobs that nobody waits for: they make room, and this one is next.
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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whose_answer_is_kept_for_others_gets_it_when_they_have_gone() {
    let hasher = slow(100);
    let mut crowd = crowd(&hasher, 60, &Served::default()).await;
    // The longest that an answer can be kept is until the fourth is there, and few are begun before these have gone.
    let first = crowd.remove(0);
    disperse(crowd).await;
    assert_eq!(first.await.unwrap().unwrap(), Verification::Mismatch);
    assert_eq!(hasher.metrics().waiting, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_is_kept_while_a_costly_old_hash_is_computed() {
    let costly = Argon2Parameters { memory_kib: 16 * 1024, iterations: 40, parallelism: 1 };
    let old =
        hasher(costly, HasherLimits::for_machine(1, costly)).hash(password(), stranger()).await.unwrap();
    let (hasher, served) = (slow(100), Served::default());
    // On a machine that stands still it may be over before it was seen.
    let (first, before) = loop {
        let (before, first) = (hasher.metrics().computed, ask(&hasher, 1, &served));
        while hasher.metrics().running == 0 && served.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
        if served.swap(0, Ordering::Relaxed) == 0 {
            break (first, before);
        }
    };
    let elsewhere = Requester { network: ClientNetwork::of([192, 0, 2, 9].into()), ..stranger() };
    let other = Arc::clone(&hasher);
    let second = tokio::spawn(async move { other.check(password(), old, elsewhere).await });
    let crowd = crowd(&hasher, 60, &served).await;
    while served.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(hasher.metrics().computed < before + 4, "{:?}", hasher.metrics());
    assert!(second.await.unwrap().unwrap());
    disperse(first).await;
    disperse(crowd).await;
}

#[tokio::test]
async fn a_hash_that_costs_more_than_the_budget_runs_alone() {
    let costly = Argon2Parameters { memory_kib: 8 * 1024, iterations: 1, parallelism: 1 };
    let hash =
        hasher(costly, HasherLimits::for_machine(1, costly)).hash(password(), stranger()).await.unwrap();
    let verified = cheap().verify(password(), Some(hash), stranger()).await.unwrap();
    assert!(matches!(verified, Verification::Match { rehashed: Some(_) }));
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
