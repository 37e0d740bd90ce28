//! Rate limiters: per instance in memory, or shared by several instances in Redis.

mod counters;
mod gcra;
mod memory;
mod redis;
mod table;

pub use memory::MemoryRateLimiter;
pub use redis::{RedisOptions, RedisRateLimiter, RedisTarget, RedisTargetError};
