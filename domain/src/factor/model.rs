use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{CoseAlgorithm, CredentialId, FactorName, UserHandle};
use crate::authn::Acr;
use crate::kernel::{UserId, id};
use crate::keyring::SecretKeyId;

id!(
    /// Identifies a second factor.
    FactorId
);

/// A second factor of a user. A recovery code is not one: it replaces one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Factor {
    /// Identifies the factor.
    pub id: FactorId,
    /// The user whose factor it is.
    pub user_id: UserId,
    /// The name that the user gave it.
    pub name: Option<FactorName>,
    /// When it was enrolled.
    pub created_at: OffsetDateTime,
    /// When it last proved its user; `None` if it never did after the enrolment.
    pub last_used_at: Option<OffsetDateTime>,
    /// What it is.
    pub kind: FactorKind,
}

/// What a factor is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FactorKind {
    /// An authenticator app.
    Totp(Totp),
    /// A passkey.
    Passkey(Passkey),
}

/// An authenticator app (RFC 6238): SHA-1, 6 digits, 30 seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Totp {
    /// The secret key that seals the secret.
    pub key_id: SecretKeyId,
    /// The secret, sealed by the [`Keyring`](crate::keyring::Keyring).
    pub sealed_secret: Vec<u8>,
    /// Whether a code confirmed it. An unconfirmed app is never accepted.
    pub is_confirmed: bool,
    /// The time step of the last accepted code: the same step, and all before it, are never accepted again (RFC 6238
    /// section 5.2).
    pub last_step: i64,
}

/// A passkey (WebAuthn Level 3): a public key credential of this relying party.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passkey {
    /// The id that the authenticator gave it. It is unique among all users.
    pub credential_id: CredentialId,
    /// The public key: the point, the key bytes or the DER encoding that [`CoseAlgorithm`] names.
    pub public_key: Vec<u8>,
    /// The algorithm of the key. No other one is accepted for it.
    pub algorithm: CoseAlgorithm,
    /// The last signature counter; zero if the authenticator has none.
    pub sign_count: u32,
    /// Whether the key may be copied to other devices (flag BE). It never changes.
    pub is_backup_eligible: bool,
    /// Whether the key is copied (flag BS).
    pub is_backed_up: bool,
    /// Whether the authenticator verified its user at the enrolment: by a PIN or a biometric feature (flag UV).
    pub verifies_user: bool,
    /// The handle of the user in this credential.
    pub user_handle: UserHandle,
    /// How browsers reach the authenticator, as they reported it.
    pub transports: Vec<String>,
}

impl Passkey {
    /// How many transports are kept of a passkey.
    pub const MAX_TRANSPORTS: usize = 8;

    /// Whether the text can be the name of a transport: 1 to 32 small letters, digits and dashes.
    pub fn is_transport(name: &str) -> bool {
        let is_name_char = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        (1..=32).contains(&name.len()) && name.bytes().all(is_name_char)
    }
}

impl Factor {
    /// How many authenticator apps a user may have.
    pub const MAX_TOTP: usize = 3;
    /// How many passkeys a user may have.
    pub const MAX_PASSKEYS: usize = 10;

    /// Whether the factor counts: a passkey, or a confirmed authenticator app.
    pub fn is_confirmed(&self) -> bool {
        match &self.kind {
            FactorKind::Totp(totp) => totp.is_confirmed,
            FactorKind::Passkey(_) => true,
        }
    }

    /// The authenticator app, if it is a confirmed one.
    pub fn confirmed_totp(&self) -> Option<&Totp> {
        match &self.kind {
            FactorKind::Totp(totp) if totp.is_confirmed => Some(totp),
            _ => None,
        }
    }

    /// The passkey, if it is one.
    pub fn passkey(&self) -> Option<&Passkey> {
        match &self.kind {
            FactorKind::Passkey(passkey) => Some(passkey),
            FactorKind::Totp(_) => None,
        }
    }

    /// The highest assurance that a user with these factors can reach.
    pub fn highest_acr<'a>(factors: impl IntoIterator<Item = &'a Self>) -> Acr {
        let reach = |factor: &Self| match &factor.kind {
            FactorKind::Passkey(passkey) if passkey.verifies_user => Acr::Phr,
            FactorKind::Totp(totp) if !totp.is_confirmed => Acr::Aal1,
            FactorKind::Passkey(_) | FactorKind::Totp(_) => Acr::Aal2,
        };
        factors.into_iter().map(reach).max().unwrap_or(Acr::Aal1)
    }
}

/// The secret of an authenticator app: 160 bits (RFC 4226 section 4, R6). It is wiped from memory when dropped.
pub type TotpSecret = Zeroizing<[u8; 20]>;
