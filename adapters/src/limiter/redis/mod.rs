//! Limits that several instances have in common, in Redis.
//!
//! One script decides, by the clock of the Redis server, so the instances need not agree on the time. What it decides is
//! remembered here as well: should Redis not answer, the instance goes on by itself from where its clients stand.

mod limiter;
mod link;
mod script;
mod target;

pub use limiter::{RedisOptions, RedisRateLimiter};
pub use target::{RedisTarget, RedisTargetError};
