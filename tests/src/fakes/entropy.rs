use std::sync::atomic::{AtomicU64, Ordering};

use inwren_domain::kernel::{Entropy, EntropyError};
use sha2::{Digest, Sha256};

/// Bytes that look random and are the same for the same seed: SHA-256 of the seed and a counter.
#[derive(Debug)]
pub struct SeededEntropy {
    seed: u64,
    drawn: AtomicU64,
}

impl SeededEntropy {
    /// A source with this seed.
    pub fn new(seed: u64) -> Self {
        Self { seed, drawn: AtomicU64::new(0) }
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError> {
        for chunk in bytes.chunks_mut(32) {
            let draw = self.drawn.fetch_add(1, Ordering::Relaxed);
            let block = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(draw.to_be_bytes());
            chunk.copy_from_slice(&block.finalize()[..chunk.len()]);
        }
        Ok(())
    }
}
