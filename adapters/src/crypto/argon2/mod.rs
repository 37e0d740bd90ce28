//! Password hashes with Argon2id (RFC 9106), computed on threads of their own, within a budget of memory. Those that others
//! made are checked on the same threads.

mod calibrate;
mod computation;
mod fair;
mod hasher;
mod pace;
mod queue;
mod stored;
mod worker;

pub use calibrate::{Calibration, calibrate};
pub use computation::{Argon2Parameters, InvalidParameters};
pub use hasher::{Argon2Hasher, HasherLimits, HasherMetrics};
