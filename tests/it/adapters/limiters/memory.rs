//! The limiter in memory, to the nanosecond, and what it does when there are more clients than it has room for.

use std::time::Duration;

use inwren_adapters::limiter::MemoryRateLimiter;
use inwren_domain::ports::{Quota, RateLimiter};
use inwren_tests::fixtures::now;
use inwren_tests::limiters::key;

const QUOTA: Quota = Quota::per_minute(5);

async fn allowed(limiter: &dyn RateLimiter, subject: &str, after: time::Duration) -> bool {
    limiter.check(&key(subject), QUOTA, now() + after).await.allowed
}

#[tokio::test]
async fn the_allowance_comes_back_to_the_millisecond() {
    let limiter = MemoryRateLimiter::default();
    for _ in 0..5 {
        assert!(allowed(&limiter, "a", time::Duration::ZERO).await);
    }
    let refused = limiter.check(&key("a"), QUOTA, now()).await;
    assert_eq!(
        (refused.allowed, refused.retry_after, refused.reset_after),
        (false, Duration::from_secs(12), Duration::from_secs(60))
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
async fn a_victim_is_not_pushed_out_while_the_crowd_goes_on() {
    let limiter = MemoryRateLimiter::with_max_keys(256);
    let second = time::Duration::SECOND;
    // One each twelve seconds, which is all that the victim is allowed once the five are used up.
    let mut heard = 0;
    for at in 0..120 {
        heard += u32::from(allowed(&limiter, "victim", second * at).await);
        for stranger in 0..500 {
            allowed(&limiter, &format!("stranger-{at}-{stranger}"), second * at).await;
        }
    }
    assert_eq!(heard, 5 + 119 / 12, "the victim was forgotten");
}

#[tokio::test]
async fn who_was_known_before_the_crowd_is_not_held_up_by_it() {
    let limiter = MemoryRateLimiter::with_max_keys(256);
    assert!(allowed(&limiter, "honest", time::Duration::ZERO).await);
    for stranger in 0..50_000 {
        allowed(&limiter, &format!("stranger-{stranger}"), time::Duration::ZERO).await;
    }
    for _ in 0..4 {
        assert!(allowed(&limiter, "honest", time::Duration::ZERO).await);
    }
    assert!(!allowed(&limiter, "honest", time::Duration::ZERO).await);
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
