use std::fmt;

use super::PendingRegistration;
use crate::Core;
use crate::action_token::derive;
use crate::kernel::{PlainToken, equal};
use crate::keyring::KeyringError;

/// A code of 8 digits, as the person types it from the letter.
#[derive(Clone)]
pub(crate) struct Code(PlainToken);

impl Code {
    /// Compares in constant time (OWASP ASVS 5.0, 11.2.4).
    pub(crate) fn is(&self, typed: &str) -> bool {
        equal(self.0.expose().as_bytes(), typed.as_bytes())
    }

    /// The digits.
    pub(crate) fn into_plain(self) -> PlainToken {
        self.0
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

/// Derives the current code of a registration.
pub(crate) fn derive_code(core: &Core, registration: &PendingRegistration) -> Result<Code, KeyringError> {
    const DIGITS: u64 = 100_000_000;
    let (id, round) = (registration.id.as_uuid(), registration.code_round.to_be_bytes());
    let mac = core.keyring()?.mac(registration.key_id, "registration code", &[id.as_bytes(), &round])?;
    let number = mac.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) % DIGITS;
    Ok(Code(PlainToken::new(format!("{number:08}"))))
}

/// Derives the token of a registration's link.
pub(crate) fn derive_link(
    core: &Core,
    registration: &PendingRegistration,
) -> Result<PlainToken, KeyringError> {
    derive(core, registration.key_id, "registration link", registration.id.as_uuid(), &[])
}
