//! In-memory trusted devices.

use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::kernel::{StoreError, TokenDigest, UserId};
use inwren_domain::trusted_device::{
    TrustedDevice, TrustedDeviceId, TrustedDeviceReader, TrustedDeviceRepository,
};
use time::OffsetDateTime;

use super::state::State;
use super::unit::MemoryUnit;
use super::view::MemoryView;

#[async_trait]
impl TrustedDeviceReader for MemoryView {
    async fn by_digest(&mut self, digest: &TokenDigest) -> Result<Option<TrustedDevice>, StoreError> {
        let state = self.shared.snapshot();
        let mut all = state.trusted_devices.values().map(Arc::as_ref);
        Ok(all.find(|device| device.digest == *digest).cloned())
    }
}

#[async_trait]
impl TrustedDeviceRepository for MemoryUnit {
    async fn insert(&mut self, device: &TrustedDevice) -> Result<(), StoreError> {
        self.state.trusted_devices.insert(device.id, Arc::new(device.clone()));
        Ok(())
    }

    async fn delete_all(&mut self, user: UserId) -> Result<u64, StoreError> {
        Ok(self.state.delete_trusted_devices(user))
    }

    async fn sweep(&mut self, before: OffsetDateTime, limit: u16) -> Result<u64, StoreError> {
        let ended = self.state.trusted_devices.values().filter(|device| device.expires_at < before);
        let ids: Vec<TrustedDeviceId> = ended.map(|device| device.id).take(limit.into()).collect();
        for id in &ids {
            self.state.trusted_devices.remove(id);
        }
        Ok(ids.len() as u64)
    }
}

impl State {
    /// Deletes the user's devices, and returns their number.
    pub(super) fn delete_trusted_devices(&mut self, user: UserId) -> u64 {
        let of_user = self.trusted_devices.values().filter(|device| device.user_id == user);
        let ids: Vec<TrustedDeviceId> = of_user.map(|device| device.id).collect();
        for id in &ids {
            self.trusted_devices.remove(id);
        }
        ids.len() as u64
    }
}
