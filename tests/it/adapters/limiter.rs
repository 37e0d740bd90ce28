//! The limiter in memory.

use std::sync::Arc;
use std::time::Duration;

use inwren_adapters::limiter::MemoryRateLimiter;
use inwren_domain::ports::{LimitKey, Quota, RateLimiter};
use inwren_tests::fixtures::now;

const QUOTA: Quota = Quota::per_minute(5);

fn key(subject: &str) -> LimitKey {
    LimitKey { operation: "login", subject: subject.to_owned() }
}

async fn allowed(limiter: &dyn RateLimiter, subject: &str, after: time::Duration) -> bool {
    limiter.check(&key(subject), QUOTA, now() + after).await.allowed
}

#[tokio::test]
async fn the_allowance_is_exact_and_comes_back_bit_by_bit() {
    let limiter = MemoryRateLimiter::default();
    for left in (0..5).rev() {
        let decision = limiter.check(&key("a"), QUOTA, now()).await;
        assert_eq!((decision.allowed, decision.remaining), (true, left));
        assert_eq!(decision.retry_after, Duration::ZERO);
    }
    let refused = limiter.check(&key("a"), QUOTA, now()).await;
    assert!(!refused.allowed);
    assert_eq!(
        (refused.retry_after, refused.reset_after),
        (Duration::from_secs(12), Duration::from_secs(60))
    );

    assert!(!allowed(&limiter, "a", time::Duration::milliseconds(11_999)).await);
    assert!(allowed(&limiter, "a", time::Duration::seconds(12)).await);
    assert!(!allowed(&limiter, "a", time::Duration::seconds(12)).await);
    let later = time::Duration::seconds(12 + 60);
    for _ in 0..5 {
        assert!(allowed(&limiter, "a", later).await);
    }
    assert!(!allowed(&limiter, "a", later).await);
}

#[tokio::test]
async fn quotas_that_do_not_divide_their_period_are_exact_too() {
    let limiter = MemoryRateLimiter::default();
    let quota = Quota { limit: 7, period: Duration::from_secs(60) };
    let mut count = 0;
    for _ in 0..20 {
        count += u32::from(limiter.check(&key("a"), quota, now()).await.allowed);
    }
    assert_eq!(count, 7);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_no_more_than_the_allowance_go_on() {
    let limiter = Arc::new(MemoryRateLimiter::default());
    let asked: Vec<_> = (0..200)
        .map(|_| {
            let limiter = Arc::clone(&limiter);
            tokio::spawn(async move { allowed(&*limiter, "a", time::Duration::ZERO).await })
        })
        .collect();
    let mut count = 0;
    for asked in asked {
        count += u32::from(asked.await.unwrap());
    }
    assert_eq!(count, 5);
}

#[tokio::test]
async fn keys_do_not_share() {
    let limiter = MemoryRateLimiter::default();
    for _ in 0..6 {
        allowed(&limiter, "a", time::Duration::ZERO).await;
    }
    assert!(allowed(&limiter, "b", time::Duration::ZERO).await);
    let other = LimitKey { operation: "refresh", subject: "a".to_owned() };
    assert!(limiter.check(&other, QUOTA, now()).await.allowed);
}

#[tokio::test]
async fn nobody_is_pushed_out_by_a_crowd_of_strangers() {
    let limiter = MemoryRateLimiter::with_max_keys(256);
    for _ in 0..5 {
        assert!(allowed(&limiter, "victim", time::Duration::ZERO).await);
    }
    for stranger in 0..50_000 {
        allowed(&limiter, &format!("stranger-{stranger}"), time::Duration::ZERO).await;
    }
    assert!(!allowed(&limiter, "victim", time::Duration::ZERO).await);
    let mut late = 0;
    for stranger in 0..1_000 {
        late += u32::from(allowed(&limiter, &format!("late-{stranger}"), time::Duration::ZERO).await);
    }
    assert!(late < 1_000, "the crowd shares a bounded number of allowances");
    assert!(allowed(&limiter, "newcomer", time::Duration::seconds(61)).await);
}

#[tokio::test]
async fn a_clock_that_steps_back_locks_nobody_out_for_long() {
    let limiter = MemoryRateLimiter::default();
    for _ in 0..6 {
        allowed(&limiter, "a", time::Duration::HOUR).await;
    }
    let refused = limiter.check(&key("a"), QUOTA, now()).await;
    assert!(!refused.allowed && refused.retry_after <= Duration::from_secs(60));
    assert!(allowed(&limiter, "a", time::Duration::seconds(12)).await);
}
