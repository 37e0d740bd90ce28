//! Pacing of bulk writes, so that a running service keeps access to the store.

use std::time::{Duration, Instant};

use inwren_domain::PortFailure;
use inwren_domain::account::import::{Importer, Incoming, Outcome};
use inwren_domain::kernel::StoreError;

/// The pause after each batch, as a fraction of the time that the batch took. It gives others their turn at a store
/// with one writer.
const PAUSE_DIVISOR: u32 = 2;
/// How often to try a batch while the store is busy.
const ATTEMPTS: u32 = 8;
const FIRST_PAUSE: Duration = Duration::from_millis(100);

/// Imports a batch. It retries while the store is busy, and pauses afterwards so that others have their turn.
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
