//! The hasher with Argon2id.

use std::sync::Arc;
use std::time::Duration;

use inwren_adapters::crypto::argon2::{Argon2Hasher, Argon2Parameters, HasherLimits};
use inwren_domain::model::{Password, PasswordHash};
use inwren_domain::ports::{HasherError, PasswordHasher, Verification};
use inwren_tests::fakes::SeededEntropy;

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

fn phc(text: &str) -> Option<PasswordHash> {
    Some(PasswordHash::from_phc(text.to_owned()))
}

#[tokio::test]
async fn a_password_is_found_again_and_no_other() {
    let hasher = cheap();
    let hash = hasher.hash(password()).await.unwrap();
    assert!(hash.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"), "{}", hash.expose());
    assert_ne!(hash, hasher.hash(password()).await.unwrap(), "every hash has a salt of its own");
    let matched = hasher.verify(password(), Some(hash.clone())).await.unwrap();
    assert_eq!(matched, Verification::Match { rehashed: None });
    let other = hasher.verify(Password::new("correct horse battery stapl"), Some(hash)).await.unwrap();
    assert_eq!(other, Verification::Mismatch);
    assert_eq!(hasher.verify(password(), None).await.unwrap(), Verification::Mismatch);
}

#[tokio::test]
async fn the_same_characters_typed_otherwise_are_the_same_password() {
    let hasher = cheap();
    let hash = hasher.hash(Password::new("Ａngström ﬁnal")).await.unwrap();
    let verified = hasher.verify(Password::new("A\u{6e}gstro\u{308}m final"), Some(hash)).await.unwrap();
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
        let verified = hasher.verify(Password::new("password"), phc(known)).await.unwrap();
        let Verification::Match { rehashed: Some(rehashed) } = verified else {
            panic!("{known} was not matched and renewed: {verified:?}")
        };
        assert!(rehashed.expose().starts_with("$argon2id$v=19$m=64,t=1,p=1$"));
        let again = hasher.verify(Password::new("password"), Some(rehashed)).await.unwrap();
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
        let refused = hasher.verify(password(), phc(rubbish)).await;
        assert!(matches!(refused, Err(HasherError::Unusable(_))), "{rubbish}: {refused:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beyond_the_queue_callers_are_told_at_once() {
    let slow = Argon2Parameters { memory_kib: 32 * 1024, iterations: 3, parallelism: 1 };
    let limits = HasherLimits {
        threads: 1,
        memory_budget_kib: 32 * 1024,
        max_waiting: 3,
        max_wait: Duration::from_secs(60),
    };
    let hasher = Arc::new(hasher(slow, limits));
    let asked: Vec<_> = (0..20)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(password(), None).await })
        })
        .collect();
    let (mut done, mut busy) = (0, 0);
    for asked in asked {
        match asked.await.unwrap() {
            Ok(Verification::Mismatch) => done += 1,
            Err(HasherError::Busy { retry_after }) if retry_after > Duration::ZERO => busy += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!(done >= 3 && busy >= 1 && done + busy == 20, "{done} done, {busy} busy");
    assert_eq!(hasher.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn those_who_have_gone_away_are_not_hashed_for() {
    let slow = Argon2Parameters { memory_kib: 16 * 1024, iterations: 2, parallelism: 1 };
    let limits = HasherLimits {
        threads: 1,
        memory_budget_kib: 16 * 1024,
        max_waiting: 100,
        max_wait: Duration::from_secs(600),
    };
    let hasher = Arc::new(hasher(slow, limits));
    let crowd: Vec<_> = (0..100)
        .map(|_| {
            let hasher = Arc::clone(&hasher);
            tokio::spawn(async move { hasher.verify(password(), None).await })
        })
        .collect();
    while hasher.waiting() < 50 {
        tokio::task::yield_now().await;
    }
    for gone in crowd {
        gone.abort();
        let _ = gone.await;
    }
    // The queue is full of jobs that nobody waits for: they make room, and this one is next.
    let answer = hasher.verify(password(), None).await;
    assert_eq!(answer.unwrap(), Verification::Mismatch);
    assert_eq!(hasher.waiting(), 0);
}

#[tokio::test]
async fn a_hash_that_costs_more_than_the_budget_runs_alone() {
    let costly = Argon2Parameters { memory_kib: 8 * 1024, iterations: 1, parallelism: 1 };
    let hash = hasher(costly, HasherLimits::for_machine(1, costly)).hash(password()).await.unwrap();
    let verified = cheap().verify(password(), Some(hash)).await.unwrap();
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
