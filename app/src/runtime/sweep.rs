//! A sweep deletes expired data in small batches, with pauses between them, and seals secrets with the current key.

use std::time::{Duration, Instant};

use inwren_domain::account::lost_factor;
use inwren_domain::factor::reseal;
use inwren_domain::housekeeping::{SWEEP_BATCH, sweep_audit_events, sweep_ended_sessions, sweep_expired};
use inwren_domain::store::Maintenance;
use inwren_domain::{Core, PortFailure};

/// The pause after a batch, as a multiple of the batch's time. So a sweep takes at most a fifth of a writer's time.
const PAUSE_FACTOR: u32 = 4;
const SHORTEST_PAUSE: Duration = Duration::from_millis(20);

/// The result of a sweep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Number of deleted sessions.
    pub sessions: u64,
    /// Number of deleted audit events.
    pub audit_events: u64,
    /// Number of deleted letters, action tokens, pending registrations, challenges and trusted devices.
    pub expired: u64,
    /// Number of lost factors that were due for removal.
    pub lost_factors: u64,
    /// Number of secrets that were sealed with the current secret key.
    pub resealed: u64,
    /// Number of bytes returned to the file system.
    pub bytes: u64,
}

impl Swept {
    /// Whether the sweep did nothing.
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// Deletes ended sessions, audit events and letters whose retention is over, and expired action tokens, registrations,
/// challenges and trusted devices. It removes lost factors that are due, and seals secrets with the current key after a
/// rotation. Then it vacuums the database. If it fails, earlier batches stay deleted, and `swept` counts them.
pub async fn sweep(
    core: &Core,
    maintenance: Option<&dyn Maintenance>,
    swept: &mut Swept,
) -> Result<(), PortFailure> {
    while batch(sweep_ended_sessions(core), &mut swept.sessions).await? {}
    while batch(sweep_audit_events(core), &mut swept.audit_events).await? {}
    while batch(sweep_expired(core), &mut swept.expired).await? {}
    remove_lost_factors(core, &mut swept.lost_factors).await?;
    swept.resealed += reseal::execute(core).await?;
    let Some(maintenance) = maintenance else { return Ok(()) };
    loop {
        let begun = Instant::now();
        let bytes = maintenance.vacuum().await?;
        if bytes == 0 {
            return Ok(());
        }
        swept.bytes += bytes;
        pause(begun.elapsed()).await;
    }
}

/// Decides all requests to remove lost factors whose delay is over, and counts them.
pub async fn remove_lost_factors(core: &Core, decided: &mut u64) -> Result<(), PortFailure> {
    while lost_factor::remove_due(core).await? {
        *decided += 1;
    }
    Ok(())
}

/// Runs a batch. `true` if there may be more to do.
async fn batch(
    sweeping: impl Future<Output = Result<u64, PortFailure>>,
    swept: &mut u64,
) -> Result<bool, PortFailure> {
    let begun = Instant::now();
    let count = sweeping.await?;
    *swept += count;
    let is_full = count >= u64::from(SWEEP_BATCH);
    if is_full {
        pause(begun.elapsed()).await;
    }
    Ok(is_full)
}

async fn pause(took: Duration) {
    tokio::time::sleep((took * PAUSE_FACTOR).max(SHORTEST_PAUSE)).await;
}
