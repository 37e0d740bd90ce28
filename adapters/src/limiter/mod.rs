//! Rate limits: of one instance in its memory, or of several in Redis.

mod counters;
mod gcra;
mod memory;
mod redis;
mod table;

pub use memory::MemoryRateLimiter;
pub use redis::{RedisOptions, RedisRateLimiter, RedisTarget, RedisTargetError};
