use crate::credential::HasherError;
use crate::kernel::{ClockAhead, EntropyError, StoreError};
use crate::keyring::KeyringError;
use crate::token::SigningError;

/// Why a use case failed: it refused by its rules, or a port failed.
#[derive(Clone, Debug)]
pub enum Failure<R> {
    /// The use case refused. Nothing was changed, unless the refusal says otherwise.
    Refused(R),
    /// A port failed. The caller could not have prevented it.
    Port(PortFailure),
}

impl<R> Failure<R> {
    /// Maps the refusal.
    pub fn map<S>(self, translate: impl FnOnce(R) -> S) -> Failure<S> {
        match self {
            Self::Refused(refusal) => Failure::Refused(translate(refusal)),
            Self::Port(failure) => Failure::Port(failure),
        }
    }
}

/// The port that failed.
#[derive(Clone, Debug, thiserror::Error)]
pub enum PortFailure {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The password hasher.
    #[error(transparent)]
    Hasher(#[from] HasherError),
    /// The token issuer.
    #[error(transparent)]
    Signing(#[from] SigningError),
    /// The source of randomness.
    #[error(transparent)]
    Entropy(#[from] EntropyError),
    /// The keyring.
    #[error(transparent)]
    Keyring(#[from] KeyringError),
    /// The clock is ahead, so nothing may be signed.
    #[error(transparent)]
    Clock(#[from] ClockAhead),
}

impl<R, E> From<E> for Failure<R>
where
    PortFailure: From<E>,
{
    fn from(error: E) -> Self {
        Self::Port(error.into())
    }
}
