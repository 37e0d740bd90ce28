//! Second factors of users to import, on their way into the store.

use super::ranges::whole_microseconds;
use super::{ClearSecret, Destination, Incoming, IncomingFactor, Problem, UserFactors};
use crate::PortFailure;
use crate::factor::{Factor, FactorKind, Totp, open_with, seal_with};
use crate::keyring::{Keyring, KeyringError, Sealed};

/// The factors and recovery codes for the store. A sealed secret must open with a key of this service; a plain one is
/// sealed with its current key.
pub(super) fn for_store(
    destination: &Destination,
    incoming: &Incoming,
) -> Result<Result<UserFactors, Problem>, PortFailure> {
    let recovery_codes = incoming.recovery_codes.clone();
    let factors = incoming.factors.iter().map(|one| stored(destination, incoming, one));
    match factors.collect() {
        Ok(factors) => Ok(Ok(UserFactors { user: incoming.id, factors, recovery_codes })),
        Err(PortFailure::Keyring(error)) => Ok(Err(Problem::SecretKey(error))),
        Err(failure) => Err(failure),
    }
}

fn stored(
    destination: &Destination,
    incoming: &Incoming,
    one: &IncomingFactor,
) -> Result<Factor, PortFailure> {
    let mut factor = Factor {
        user_id: incoming.id,
        created_at: whole_microseconds(one.factor.created_at),
        last_used_at: one.factor.last_used_at.map(whole_microseconds),
        ..one.factor.clone()
    };
    if let FactorKind::Totp(totp) = &one.factor.kind {
        let keyring = keyring(destination)?;
        factor.kind = match &one.secret {
            None => {
                open_with(keyring, &factor, totp)?;
                FactorKind::Totp(totp.clone())
            }
            Some(ClearSecret(secret)) => {
                let row = (factor.id, factor.user_id);
                let Sealed { key, bytes } = seal_with(keyring, destination.entropy.as_ref(), row, secret)?;
                FactorKind::Totp(Totp { key_id: key, sealed_secret: bytes, ..totp.clone() })
            }
        };
    }
    Ok(factor)
}

fn keyring(destination: &Destination) -> Result<&dyn Keyring, KeyringError> {
    destination.keyring.as_deref().ok_or(KeyringError::Missing)
}
