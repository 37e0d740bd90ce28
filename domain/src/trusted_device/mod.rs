//! Trusted devices: clients that may leave out the second factor for a while.

mod model;
mod ports;

pub use model::{TrustedDevice, TrustedDeviceId};
pub use ports::{TrustedDeviceReader, TrustedDeviceRepository};
