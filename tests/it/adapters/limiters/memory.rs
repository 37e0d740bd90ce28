//! The limiter in memory: nanosecond precision, and more clients than it has room for.

use std::time::Duration;

use inwren_adapters::limiter::MemoryRateLimiter;
use inwren_domain::kernel::ClientNetwork;
use inwren_domain::limiter::{Quota, RateLimiter};
use inwren_tests::fixtures::now;
use inwren_tests::limiters::{key, key_from, network_of};

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
    // One request every twelve seconds is the victim's whole allowance after the first five.
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

/// Requests of a crowd per second, as one customer with eight blocks of 65,536 networks can send them.
const CROWD: u32 = 48_000;
const SECONDS: u32 = 4;
const BLOCKS: u32 = 8;

/// The networks of the crowd in one second, all of them new.
fn crowd(second: u32) -> impl Iterator<Item = ClientNetwork> {
    (second * CROWD..(second + 1) * CROWD).map(|number| {
        let (block, network) = (number % BLOCKS, number / BLOCKS);
        network_of(u16::try_from(block).unwrap(), u16::try_from(network).unwrap())
    })
}

/// Clients from other networks in one second: half of them by IPv4, half by IPv6.
fn newcomers(second: u32) -> impl Iterator<Item = ClientNetwork> {
    (0..50_u8).flat_map(move |number| {
        let second = u8::try_from(second).unwrap();
        let v6 = network_of(0x1000 + u16::from(second) * 256 + u16::from(number), 1);
        [ClientNetwork::of([203, second, number, 7].into()), v6]
    })
}

async fn allowed_from(
    limiter: &dyn RateLimiter,
    network: ClientNetwork,
    operation: &'static str,
    subject: &str,
    second: u32,
) -> bool {
    let at = now() + time::Duration::seconds(second.into());
    limiter.check(&key_from(network, operation, subject), QUOTA, at).await.allowed
}

#[tokio::test]
async fn a_crowd_from_eight_blocks_keeps_no_newcomer_out() {
    let limiter = MemoryRateLimiter::default();
    let (mut served, mut asked) = (0, 0);
    for second in 0..SECONDS {
        for network in crowd(second) {
            allowed_from(&limiter, network, "login", &network.to_string(), second).await;
        }
        for network in newcomers(second) {
            // The limiter refuses the sixth call: a newcomer has its own allowance of five calls.
            for _ in 0..5 {
                asked += 1;
                served +=
                    u32::from(allowed_from(&limiter, network, "login", &network.to_string(), second).await);
            }
            assert!(!allowed_from(&limiter, network, "login", &network.to_string(), second).await);
        }
    }
    println!("{served} of {asked} calls of newcomers were served");
    assert!(served * 100 >= asked * 95, "{served} of {asked}");
}

#[tokio::test]
async fn a_crowd_that_names_many_accounts_keeps_no_account_out() {
    let limiter = MemoryRateLimiter::default();
    let (mut served, mut asked) = (0, 0);
    for second in 0..SECONDS {
        for (number, network) in crowd(second).enumerate() {
            let account = format!("email:{second}-{number}");
            allowed_from(&limiter, network, "login-account", &account, second).await;
        }
        for (number, network) in newcomers(second).enumerate() {
            asked += 1;
            let account = format!("email:honest-{second}-{number}");
            served += u32::from(allowed_from(&limiter, network, "login-account", &account, second).await);
        }
    }
    assert!(served * 100 >= asked * 95, "{served} of {asked}");
}

#[tokio::test]
async fn a_crowd_at_one_operation_takes_no_room_of_another() {
    let limiter = MemoryRateLimiter::default();
    for second in 0..SECONDS {
        for network in crowd(second) {
            allowed_from(&limiter, network, "login", &network.to_string(), second).await;
        }
    }
    // The networks of the crowd are allowed, too: the other operation has room for each of them.
    for network in crowd(0).take(20_000) {
        let subject = network.to_string();
        assert!(allowed_from(&limiter, network, "me", &subject, SECONDS).await, "{subject}");
    }
}

#[tokio::test]
async fn a_key_that_made_room_gets_no_allowance_back() {
    let limiter = MemoryRateLimiter::with_max_keys(256);
    let crowd: Vec<_> = (0..300).map(|network| network_of(1, network)).collect();
    for network in &crowd {
        for _ in 0..5 {
            allowed_from(&limiter, *network, "login", &network.to_string(), 0).await;
        }
    }
    for network in newcomers(0).take(30) {
        assert!(allowed_from(&limiter, network, "login", &network.to_string(), 0).await);
    }
    let mut again = 0;
    for network in &crowd {
        again += u32::from(allowed_from(&limiter, *network, "login", &network.to_string(), 0).await);
    }
    assert_eq!(again, 0);
}

#[tokio::test]
async fn an_operation_with_a_long_period_has_room_for_more_clients() {
    let limiter = MemoryRateLimiter::with_max_keys(1_024);
    let mut served = Vec::new();
    for minutes in [1, 2, 60] {
        let quota = Quota { limit: 1, period: Duration::from_secs(60 * minutes) };
        let operation = ["minute", "two", "hour"][served.len()];
        let mut count = 0;
        for network in 0..40_000 {
            let network = network_of(1, network);
            let key = key_from(network, operation, &network.to_string());
            count += u32::from(limiter.check(&key, quota, now()).await.allowed);
        }
        served.push(count);
    }
    // Keys with an entry of their own, and 2,048 keys that used the shared allowances.
    assert_eq!(served, [1_024 + 2_048, 2 * 1_024 + 2_048, 4 * 1_024 + 2_048]);
}

#[tokio::test]
async fn a_displaced_key_gives_nothing_back_to_others() {
    let limiter = MemoryRateLimiter::with_max_keys(256);
    let crowd: Vec<_> = (0..300).map(|network| network_of(1, network)).collect();
    for network in &crowd {
        for _ in 0..5 {
            allowed_from(&limiter, *network, "login", &network.to_string(), 0).await;
        }
    }
    for network in newcomers(0).take(30) {
        assert!(allowed_from(&limiter, network, "login", &network.to_string(), 0).await);
    }
    // Some of these keys have an entry of their own and some share one. Only a key with its own entry gets a call back.
    let mut again = 0;
    for network in &crowd {
        limiter.give_back(&key_from(*network, "login", &network.to_string()), QUOTA, now()).await;
    }
    for network in &crowd {
        for _ in 0..5 {
            again += u32::from(allowed_from(&limiter, *network, "login", &network.to_string(), 0).await);
        }
    }
    assert!((1..=256).contains(&again), "{again}");
}
