//! `TrustedDeviceReader` and `TrustedDeviceRepository`.

use std::sync::Arc;

use inwren_domain::kernel::UserId;
use inwren_domain::store::Store;
use inwren_domain::trusted_device::TrustedDevice;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, second_unit, together};
use crate::fixtures::{self, now, trusted_device, user_fixture};

const TICK: Duration = Duration::MICROSECOND;

/// The device as committed.
async fn stored(store: &dyn Store, device: &TrustedDevice) -> Option<TrustedDevice> {
    store.read().await.unwrap().trusted_devices().by_digest(&device.digest).await.unwrap()
}

async fn add(store: &dyn Store, devices: &[&TrustedDevice]) {
    in_unit!(store, |unit| for device in devices {
        unit.users().lock(device.user_id).await.unwrap();
        unit.trusted_devices().insert(device).await.unwrap();
    });
}

async fn delete_all(store: &dyn Store, user: UserId) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        unit.trusted_devices().delete_all(user).await.unwrap()
    })
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.trusted_devices().sweep(before, limit).await.unwrap())
}

/// Every field of an inserted device is read back unchanged, also after the trust has ended.
pub async fn devices_are_read_back_exactly(store: Arc<dyn Store>) {
    let user = fixtures::distinct_user();
    add_users(&*store, &[&user]).await;
    let distinct = TrustedDevice {
        credential_version: i64::from(u32::MAX) + 7,
        created_at: now() + TICK,
        ..trusted_device(&user)
    };
    let bare = TrustedDevice { expires_at: now() - Duration::DAY, ..trusted_device(&user) };
    for device in [distinct, bare] {
        assert_eq!(stored(&*store, &device).await, None);
        add(&*store, &[&device]).await;
        assert_eq!(stored(&*store, &device).await, Some(device));
    }
}

/// `delete_all` deletes the devices of the user, and no others.
pub async fn all_devices_of_a_user_are_deleted(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let devices = [trusted_device(&user), trusted_device(&user), trusted_device(&user)];
    let of_other = trusted_device(&other);
    add(&*store, &devices.iter().chain([&of_other]).collect::<Vec<_>>()).await;
    assert_eq!((delete_all(&*store, user.id).await, delete_all(&*store, user.id).await), (3, 0));
    for device in &devices {
        assert_eq!(stored(&*store, device).await, None);
    }
    assert_eq!(stored(&*store, &of_other).await, Some(of_other));
}

/// The deletion of a user MUST delete the user's devices.
pub async fn deleted_users_have_no_devices(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let (device, of_other) = (trusted_device(&user), trusted_device(&other));
    add(&*store, &[&device, &of_other]).await;
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_eq!(stored(&*store, &device).await, None);
    assert_eq!(stored(&*store, &of_other).await, Some(of_other));
}

/// A device that is added or deleted in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_device(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let device = trusted_device(&user);
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    unit.trusted_devices().insert(&device).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(stored(&*store, &device).await, None);
    add(&*store, &[&device]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    assert_eq!(unit.trusted_devices().delete_all(user.id).await.unwrap(), 1);
    drop(unit);
    assert_eq!(stored(&*store, &device).await, Some(device));
}

/// A sweep deletes devices whose trust ended before a time, at most `limit` of them.
pub async fn a_sweep_deletes_expired_devices(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let expiring =
        |seconds| TrustedDevice { expires_at: now() + Duration::seconds(seconds), ..trusted_device(&user) };
    let all: Vec<TrustedDevice> = (0..6).map(expiring).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[4].expires_at;
    assert_eq!(sweep(&*store, before, 3).await, 3);
    assert_eq!(sweep(&*store, before, 3).await, 1);
    assert_eq!(sweep(&*store, before, 3).await, 0);
    for kept in &all[4..] {
        assert_eq!(stored(&*store, kept).await.as_ref(), Some(kept));
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each device.
pub async fn concurrent_sweeps_count_each_device_once(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    for _ in 0..ROUNDS {
        let all: Vec<TrustedDevice> = (0..20).map(|_| trusted_device(&user)).collect();
        add(&*store, &all.iter().collect::<Vec<_>>()).await;
        let before = all[0].expires_at + TICK;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, before, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, before, 20).await, 20);
    }
}

/// In a store with several writers, a sweep MUST skip what another one is deleting, and not wait for it.
pub async fn a_sweep_skips_what_another_deletes(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let all: Vec<TrustedDevice> = (0..10).map(|_| trusted_device(&user)).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[0].expires_at + TICK;
    let mut first = store.begin().await.unwrap();
    assert_eq!(first.trusted_devices().sweep(before, 7).await.unwrap(), 7);
    if let Some(mut second) = second_unit(&*store).await {
        assert_eq!(second.trusted_devices().sweep(before, 7).await.unwrap(), 3);
        second.commit().await.unwrap();
    }
    first.commit().await.unwrap();
    sweep(&*store, before, 7).await;
    for device in &all {
        assert_eq!(stored(&*store, device).await, None);
    }
}
