//! A fresh rate limiter of each kind, and what every one of them must do.

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

/// A limiter, and the time by which it goes.
#[derive(Clone)]
pub struct TestLimiter {
    limiter: Arc<dyn RateLimiter>,
    time: Time,
}

#[derive(Clone)]
enum Time {
    /// It passes where the test says so.
    Fake(Arc<FakeClock>),
    /// It passes by itself, and a machine may be slow.
    Real(Instant),
}

/// A limiter in memory, by a clock that the test moves.
pub async fn memory() -> TestLimiter {
    let time = Time::Fake(Arc::default());
    TestLimiter { limiter: Arc::new(MemoryRateLimiter::default()), time }
}

/// A limiter in Redis, by the clock of the server.
pub async fn redis() -> TestLimiter {
    let limiter = patient(&redis_url(), &redis_prefix());
    until("a connection", || !limiter.is_degraded()).await;
    TestLimiter { limiter: Arc::new(limiter), time: Time::Real(Instant::now()) }
}

/// A limiter in Redis that waits for it as long as a slow machine takes.
pub fn patient(url: &str, prefix: &str) -> RedisRateLimiter {
    limiter(url, prefix, PATIENCE)
}

/// A limiter in Redis that waits for it as long as the service does.
pub fn impatient(url: &str, prefix: &str) -> RedisRateLimiter {
    limiter(url, prefix, RedisOptions::default().timeout)
}

fn limiter(url: &str, prefix: &str, timeout: Duration) -> RedisRateLimiter {
    let target = RedisTarget::parse(url).expect("a URL");
    RedisRateLimiter::start(target, RedisOptions { key_prefix: prefix.to_owned(), timeout })
}

/// Waits until something is so.
pub async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < PATIENCE, "never {what}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// The name of an allowance.
pub fn key(subject: &str) -> LimitKey {
    LimitKey { operation: "login", subject: subject.to_owned(), origin: AddressBlock::default() }
}

/// The same for a call from this network.
pub fn key_from(network: ClientNetwork, operation: &'static str, subject: &str) -> LimitKey {
    LimitKey { operation, subject: subject.to_owned(), origin: network.block() }
}

/// A network of IPv6: one of the 65,536 of this /48.
pub fn network_of(block: u16, network: u16) -> ClientNetwork {
    ClientNetwork::of(Ipv6Addr::new(0x2001, 0xdb8, block, network, 0, 0, 0, 1).into())
}

/// Asks a limiter that goes by its own clock, and is told a time that is none.
pub async fn ask(limiter: &dyn RateLimiter, subject: &str, quota: Quota) -> Decision {
    limiter.check(&key(subject), quota, now()).await
}

/// How many of so many calls, one after the other, are allowed.
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

    /// Asks for one of the key's allowance.
    pub async fn check(&self, key: &LimitKey, quota: Quota) -> Decision {
        match &self.time {
            Time::Fake(clock) => self.limiter.check(key, quota, clock.now()).await,
            // The clock of the caller is not asked.
            Time::Real(_) => self.limiter.check(key, quota, now()).await,
        }
    }

    /// The same for the login of somebody.
    pub async fn ask(&self, subject: &str, quota: Quota) -> Decision {
        self.check(&key(subject), quota).await
    }

    /// Gives one call of the key's allowance back.
    pub async fn give_back(&self, subject: &str, quota: Quota) -> Decision {
        let now = match &self.time {
            Time::Fake(clock) => clock.now(),
            Time::Real(_) => now(),
        };
        self.limiter.give_back(&key(subject), quota, now).await
    }

    /// Lets time pass.
    pub async fn pass(&self, time: Duration) {
        match &self.time {
            Time::Fake(clock) => clock.advance(time.try_into().expect("a duration")),
            Time::Real(_) => tokio::time::sleep(time).await,
        }
    }

    /// How much time has passed since some moment.
    pub fn elapsed(&self) -> Duration {
        match &self.time {
            Time::Fake(clock) => (clock.now() - now()).try_into().expect("a time after the first"),
            Time::Real(begun) => begun.elapsed(),
        }
    }

    /// How much time may pass between two calls without anybody wanting it.
    pub fn slack(&self) -> Duration {
        match &self.time {
            Time::Fake(_) => Duration::ZERO,
            Time::Real(_) => Duration::from_secs(60),
        }
    }
}
