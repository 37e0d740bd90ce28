//! Passkeys: verifies the ceremonies of Web Authentication (WebAuthn Level 3 section 7).

mod authenticator_data;
mod cbor;
mod client_data;
mod cose_key;
mod verifier;

pub use verifier::WebAuthn;

/// Largest client data and largest CBOR that is read, in bytes. Browsers send less than 2 KiB, except with
/// the longest credential ids or with attestations that were not requested.
const MAX_BYTES: usize = 8 * 1024;
