use async_trait::async_trait;
use time::OffsetDateTime;

use super::TrustedDevice;
use crate::kernel::{StoreError, TokenDigest, UserId};

/// Reads trusted devices.
#[async_trait]
pub trait TrustedDeviceReader: Send {
    /// The device with this digest. Its trust may have ended.
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<TrustedDevice>, StoreError>;
}

/// Writes trusted devices, within a unit of work that has locked the user. The user's deletion MUST delete them.
#[async_trait]
pub trait TrustedDeviceRepository: Send {
    /// Adds a device.
    async fn insert(&mut self, device: &TrustedDevice) -> Result<(), StoreError>;

    /// Deletes all devices of the user, and returns their number.
    async fn delete_all(&mut self, user: UserId) -> Result<u64, StoreError>;

    /// Deletes at most `limit` devices whose trust ended before `before`, and returns their number. If sweeps run
    /// concurrently, exactly one MUST delete and count each device; in a store with several writers, a sweep MUST skip
    /// what another sweep is deleting, and not wait for it.
    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError>;
}
