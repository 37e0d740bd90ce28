//! Rate limits that several instances share in Redis.
//!
//! One script decides, by the clock of the Redis server, so the instances need not agree on the time. The instance
//! records the decisions: if Redis does not answer, it continues alone with the current allowances of its clients.

mod limiter;
mod link;
mod script;
mod target;

pub use limiter::{RedisOptions, RedisRateLimiter};
pub use target::{RedisTarget, RedisTargetError};
