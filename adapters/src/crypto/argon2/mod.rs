//! Password hashing with Argon2id (RFC 9106) on dedicated threads, within a memory budget. The same threads check
//! hashes that other services made.

mod affordable;
mod blocks;
mod calibrate;
mod computation;
mod costs;
mod cpu_timer;
mod durations;
mod equalise;
mod fair;
mod hasher;
mod limits;
mod parameters;
mod queue;
mod stored;
mod stored_argon2;
mod task;
mod turns;
mod worker;

pub use affordable::AffordableHashes;
pub use calibrate::{Calibration, calibrate};
pub use durations::Durations;
pub use hasher::{Argon2Hasher, HasherMetrics};
pub use limits::HasherLimits;
pub use parameters::{Argon2Parameters, InvalidParameters};
