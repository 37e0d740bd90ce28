//! Second factors: authenticator apps, passkeys and recovery codes.

mod budget;
pub(crate) mod change;
mod code;
pub mod enrol;
pub mod manage;
mod model;
mod passkey_verifier;
mod policy;
mod ports;
pub mod recovery_codes;
pub mod reseal;
mod totp;
mod totp_codes;
mod values;

pub use budget::{Budget, Spent};
pub use code::{Code, InvalidCode};
pub use model::{Factor, FactorId, FactorKind, Passkey, Totp, TotpSecret};
pub use passkey_verifier::{
    Asserted, Assertion, Creation, Expected, InvalidCeremony, NewCredential, PasskeyUse, PasskeyVerifier,
    RelyingParty,
};
pub use policy::FactorPolicy;
pub use ports::{FactorReader, FactorRepository};
pub use totp::{known_totp, plain_secret};
pub(crate) use totp::{open_with, parse_secret, seal_with, step_of};
pub use totp_codes::TotpCodes;
pub use values::{CoseAlgorithm, CredentialId, FactorName, InvalidFactorName, UserHandle};
