/// The only source of randomness.
pub trait Entropy: Send + Sync {
    /// Fills the bytes from a cryptographically secure generator. It MUST fail rather than return weaker randomness.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), EntropyError>;
}

/// The system returned no random bytes.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("no random bytes are available")]
pub struct EntropyError;
