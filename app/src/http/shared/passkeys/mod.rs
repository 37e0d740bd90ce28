//! The JSON forms of passkey ceremonies (WebAuthn Level 3 sections 5.1 and 5.4 to 5.8): options for browsers, and the
//! credentials that browsers return.

mod credential;
mod options;

pub(in crate::http) use credential::{AssertionDto, AttestationDto, InvalidCredential};
pub(in crate::http) use options::{CredentialCreationDto, CredentialRequestDto, RequestOptionsDto};

use inwren_domain::Core;

use super::problem::{Kind, Problem};

/// Refuses the request if the service has no domain to which passkeys can be bound.
pub(in crate::http) fn require_relying_party(core: &Core) -> Result<(), Problem> {
    match core.settings.factors.relying_party {
        Some(_) => Ok(()),
        None => Err(Problem::of(Kind::PASSKEYS_NOT_AVAILABLE)),
    }
}
