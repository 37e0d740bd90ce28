//! A fresh rate limiter of each kind, and the test cases that every limiter must pass.

pub mod conformance;

use std::net::Ipv6Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use inwren_adapters::limiter::{MemoryRateLimiter, RedisOptions, RedisRateLimiter, RedisTarget};
use inwren_domain::kernel::{AddressBlock, ClientNetwork, Clock as _};
use inwren_domain::limiter::{Decision, LimitKey, Quota, RateLimiter};

use crate::fakes::FakeClock;
use crate::fixtures::now;
use crate::process::PATIENCE;
use crate::process::redis::{redis_prefix, redis_url};

/// A limiter and its time source.
#[derive(Clone)]
pub struct TestLimiter {
    limiter: Arc<dyn RateLimiter>,
    time: Time,
}

#[derive(Clone)]
enum Time {
    /// The test advances the time.
    Fake(Arc<FakeClock>),
    /// Real time, on a machine that may be slow.
    Real(Instant),
}

/// A limiter in memory, with a clock that the test controls.
pub async fn memory() -> TestLimiter {
    let time = Time::Fake(Arc::default());
    TestLimiter { limiter: Arc::new(MemoryRateLimiter::default()), time }
}

/// A limiter in Redis, with the clock of the Redis server.
pub async fn redis() -> TestLimiter {
    let limiter = patient(&redis_url(), &redis_prefix());
    until("a connection", || !limiter.is_degraded()).await;
    TestLimiter { limiter: Arc::new(limiter), time: Time::Real(Instant::now()) }
}

/// A limiter in Redis with a timeout for slow machines.
pub fn patient(url: &str, prefix: &str) -> RedisRateLimiter {
    limiter(url, prefix, PATIENCE)
}

/// A limiter in Redis with the timeout of the service.
pub fn impatient(url: &str, prefix: &str) -> RedisRateLimiter {
    limiter(url, prefix, RedisOptions::default().timeout)
}

fn limiter(url: &str, prefix: &str, timeout: Duration) -> RedisRateLimiter {
    let target = RedisTarget::parse(url).expect("a URL");
    RedisRateLimiter::start(target, RedisOptions { key_prefix: prefix.to_owned(), timeout })
}

/// Waits until the condition is true.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The key of a login for this subject.
pub fn key(subject: &str) -> LimitKey {
    LimitKey { operation: "login", subject: subject.to_owned(), origin: AddressBlock::default() }
}

/// The key of a call from this network.
pub fn key_from(network: ClientNetwork, operation: &'static str, subject: &str) -> LimitKey {
    LimitKey { operation, subject: subject.to_owned(), origin: network.block() }
}

/// An IPv6 network: one of the 65,536 /64 networks of this /48.
pub fn network_of(block: u16, network: u16) -> ClientNetwork {
    ClientNetwork::of(Ipv6Addr::new(0x2001, 0xdb8, block, network, 0, 0, 0, 1).into())
}

/// Checks a login at a limiter that uses its own clock. The time argument has no effect.
pub async fn ask(limiter: &dyn RateLimiter, subject: &str, quota: Quota) -> Decision {
    limiter.check(&key(subject), quota, now()).await
}

/// How many of this number of sequential calls the limiter allows.
pub async fn heard(limiter: &dyn RateLimiter, subject: &str, quota: Quota, calls: u32) -> u32 {
    let mut heard = 0;
    for _ in 0..calls {
        heard += u32::from(ask(limiter, subject, quota).await.allowed);
    }
    heard
}

impl TestLimiter {
    /// The port.
    pub fn port(&self) -> &dyn RateLimiter {
        self.limiter.as_ref()
    }

    /// Takes one call from the allowance of the key.
    pub async fn check(&self, key: &LimitKey, quota: Quota) -> Decision {
        match &self.time {
            Time::Fake(clock) => self.limiter.check(key, quota, clock.now()).await,
            // The limiter ignores the clock of the caller.
            Time::Real(_) => self.limiter.check(key, quota, now()).await,
        }
    }

    /// Takes one login of this subject from its allowance.
    pub async fn ask(&self, subject: &str, quota: Quota) -> Decision {
        self.check(&key(subject), quota).await
    }

    /// Returns one call to the allowance of the subject.
    pub async fn give_back(&self, subject: &str, quota: Quota) -> Decision {
        let now = match &self.time {
            Time::Fake(clock) => clock.now(),
            Time::Real(_) => now(),
        };
        self.limiter.give_back(&key(subject), quota, now).await
    }

    /// Waits for this time, or advances the fake clock.
    pub async fn pass(&self, time: Duration) {
        match &self.time {
            Time::Fake(clock) => clock.advance(time.try_into().expect("a duration")),
            Time::Real(_) => tokio::time::sleep(time).await,
        }
    }

    /// How much time has passed since a fixed moment.
    pub fn elapsed(&self) -> Duration {
        match &self.time {
            Time::Fake(clock) => (clock.now() - now()).try_into().expect("a time after the first"),
            Time::Real(begun) => begun.elapsed(),
        }
    }

    /// How much time may pass unintentionally between two calls.
    pub fn slack(&self) -> Duration {
        match &self.time {
            Time::Fake(_) => Duration::ZERO,
            Time::Real(_) => Duration::from_secs(60),
        }
    }
}
