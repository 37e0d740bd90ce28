//! How fast many users are written: beside a service that goes on.

use std::time::{Duration, Instant};

use inwren_domain::PortFailure;
use inwren_domain::account::import::{Importer, Incoming, Outcome};
use inwren_domain::kernel::StoreError;

/// A pause after each unit is so much of the time that the unit took, so that others have their turn at a store with one
/// writer.
const PAUSE_DIVISOR: u32 = 2;
/// How often a batch is tried that the store was too busy for.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Brings a batch in, waits where the store is busy, and then lets others have their turn.
pub(super) async fn batch(
    importer: &mut Importer<'_>,
    incoming: &[Incoming],
) -> Result<Vec<Outcome>, PortFailure> {
    let mut pause = FIRST_PAUSE;
    for _ in 1..ATTEMPTS {
        let begun = Instant::now();
        match importer.batch(incoming).await {
            Err(PortFailure::Store(StoreError::Busy(_))) => {
                tokio::time::sleep(pause).await;
                pause *= 2;
            }
            Ok(outcomes) => {
                tokio::time::sleep(begun.elapsed() / PAUSE_DIVISOR).await;
                return Ok(outcomes);
            }
            Err(failure) => return Err(failure),
        }
    }
    importer.batch(incoming).await
}
