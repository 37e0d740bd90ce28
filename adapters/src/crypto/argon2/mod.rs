//! Password hashes with Argon2id (RFC 9106), computed on threads of their own, within a budget of memory.

mod computation;
mod fair;
mod hasher;
mod queue;

pub use computation::{Argon2Parameters, InvalidParameters};
pub use hasher::{Argon2Hasher, HasherLimits, HasherMetrics};
