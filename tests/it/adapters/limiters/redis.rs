//! The limiter in Redis: what instances share, and which keys stay in Redis.

use std::sync::Arc;
use std::time::Duration;

use inwren_adapters::limiter::{RedisTarget, RedisTargetError};
use inwren_domain::limiter::{Quota, RateLimiter};
use inwren_tests::fixtures::now;
use inwren_tests::limiters::{ask, heard, impatient, key, patient, until};
use inwren_tests::process::redis::{self, RedisServer, redis_prefix, redis_url};

const SLOW: Quota = Quota { limit: 5, period: Duration::from_secs(3_600) };

/// The names of all keys with this prefix.
fn keys(url: &str, prefix: &str) -> Vec<String> {
    redis::ask(url, &["KEYS", &format!("{prefix}*")])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_to_the_call() {
    let prefix = redis_prefix();
    let instances: Vec<_> = (0..3).map(|_| Arc::new(patient(&redis_url(), &prefix))).collect();
    for round in 0..10 {
        let asked: Vec<_> = (0..90)
            .map(|n: usize| {
                let instance = Arc::clone(&instances[n % instances.len()]);
                tokio::spawn(async move { ask(&*instance, &format!("round-{round}"), SLOW).await.allowed })
            })
            .collect();
        let mut count = 0;
        for asked in asked {
            count += u32::from(asked.await.unwrap());
        }
        assert_eq!(count, 5);
    }
    // All instances report the same remaining allowance.
    for left in (0..5).rev() {
        let decision = ask(&*instances[left % 3], "one by one", SLOW).await;
        assert_eq!(decision.remaining, u32::try_from(left).unwrap());
    }
    let all: u64 = instances.iter().map(|instance| instance.metrics().allowed).sum();
    assert_eq!(all, 10 * 5 + 5);
    assert!(instances.iter().all(|instance| instance.metrics().fallback_decisions == 0));
}

#[tokio::test]
async fn a_call_given_back_is_shared() {
    let prefix = redis_prefix();
    let [ours, theirs] = [(); 2].map(|()| patient(&redis_url(), &prefix));
    assert_eq!(heard(&ours, "ann", SLOW, 5).await, 5);
    assert_eq!(ours.give_back(&key("ann"), SLOW, now()).await.remaining, 1);
    assert_eq!(heard(&theirs, "ann", SLOW, 9).await, 1);
    assert_eq!(heard(&ours, "ann", SLOW, 9).await, 0);
}

#[tokio::test]
async fn a_whole_allowance_leaves_no_key_behind() {
    let (url, prefix) = (redis_url(), redis_prefix());
    let limiter = patient(&url, &prefix);
    assert!(ask(&limiter, "ann", SLOW).await.allowed);
    limiter.give_back(&key("ann"), SLOW, now()).await;
    let gone = format!("{prefix}limit:login:ann");
    until("the end of a key", || !keys(&url, &prefix).contains(&gone)).await;
}

#[tokio::test]
async fn another_prefix_is_another_allowance() {
    let [ours, theirs] = [redis_prefix(), redis_prefix()].map(|prefix| patient(&redis_url(), &prefix));
    assert_eq!(heard(&ours, "ann", SLOW, 9).await, 5);
    assert_eq!(heard(&theirs, "ann", SLOW, 9).await, 5);
}

#[tokio::test]
async fn nothing_stays_in_redis_for_longer_than_it_is_needed() {
    let (url, prefix) = (redis_url(), redis_prefix());
    let limiter = patient(&url, &prefix);
    let quick = Quota { limit: 5, period: Duration::from_secs(2) };
    for subject in ["ann", "bob"] {
        assert!(heard(&limiter, subject, quick, 5).await >= 5);
        heard(&limiter, subject, SLOW, 7).await;
    }
    ask(&limiter, "quick", quick).await;
    let all = keys(&url, &prefix);
    assert!(all.len() >= 2, "{all:?}");
    for key in &all {
        let left: i64 = redis::ask(&url, &["PTTL", key]);
        // -2 is an expired key; -1 would be a key without expiry.
        assert!(left == -2 || (0..=3_600_000).contains(&left), "{key}: {left}");
    }
    let gone = format!("{prefix}limit:login:quick");
    until("the end of a key", || !keys(&url, &prefix).contains(&gone)).await;
}

#[tokio::test]
async fn a_server_that_has_forgotten_the_script_gets_it_again() {
    let server = RedisServer::start();
    let limiter = patient(&server.url(), "t:");
    assert_eq!(heard(&limiter, "ann", SLOW, 3).await, 3);
    let _: String = server.ask(&["SCRIPT", "FLUSH"]);
    assert_eq!(heard(&limiter, "ann", SLOW, 5).await, 2);
    let metrics = limiter.metrics();
    assert_eq!((metrics.fallback_decisions, metrics.degradations, metrics.degraded), (0, 0, false));
}

#[tokio::test]
async fn a_url_has_a_user_a_password_and_a_number() {
    // The user has these commands only, as docs/limits.md says.
    let rights = "~own:* +evalsha +script|load +time +get +set +select +auth";
    let ann = ["--user", "ann", "on", ">s3cr@t/?"].into_iter().chain(rights.split(' '));
    let others = ["--user", "boss", "on", ">boss", "~*", "+@all", "--user", "default", "off"];
    let server = RedisServer::with(&ann.chain(others).collect::<Vec<_>>());
    let as_user = |password: &str, prefix: &str| {
        impatient(&format!("redis://ann:{password}@127.0.0.1:{}/3", server.port()), prefix)
    };
    let limiter = as_user("s3cr%40t%2F%3F", "own:");
    until("a connection", || !limiter.is_degraded()).await;
    assert!(ask(&limiter, "bob", SLOW).await.allowed);
    let url = |number: u8| format!("redis://boss:boss@127.0.0.1:{}/{number}", server.port());
    // On a slow machine the limiter may have answered before Redis did.
    until("the key", || keys(&url(3), "own:").contains(&"own:limit:login:bob".to_owned())).await;
    assert!(keys(&url(0), "own:").is_empty());
    // Redis refuses both users, so both limiters decide locally.
    for refused in [as_user("wrong", "own:"), as_user("s3cr%40t%2F%3F", "other:")] {
        assert_eq!(heard(&refused, "bob", SLOW, 9).await, 5);
        assert_eq!(refused.metrics().fallback_decisions, 9);
        until("it is known to be of no use", || refused.is_degraded()).await;
    }
}

#[test]
fn a_target_never_shows_its_password() {
    let target = RedisTarget::parse("rediss://ann:hunter2@cache.example/1").unwrap();
    assert!(!format!("{target} {target:?}").contains("hunter2"));
    let refused = RedisTarget::parse("redis://ann:hunter2@cache.example/one").unwrap_err();
    assert_eq!(refused, RedisTargetError::Url);
    assert!(!refused.to_string().contains("hunter2"));
}
