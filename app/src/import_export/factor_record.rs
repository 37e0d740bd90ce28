use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::account::import::{ClearSecret, IncomingFactor, Problem};
use inwren_domain::factor::{
    CoseAlgorithm, CredentialId, Factor, FactorId, FactorKind, FactorName, Passkey, Totp, UserHandle,
    plain_secret,
};
use inwren_domain::kernel::{TokenDigest, UserId};
use inwren_domain::keyring::{Keyring, KeyringError, SecretKeyId};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use uuid::Uuid;

/// A second factor in the line of its user: a JSON object. Bytes are in base64url.
#[derive(Clone, Serialize, Deserialize)]
#[serde(tag = "method", rename_all = "lowercase", deny_unknown_fields)]
pub(super) enum FactorRecord {
    Totp {
        id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(with = "time::serde::rfc3339")]
        created_at: OffsetDateTime,
        #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        last_used_at: Option<OffsetDateTime>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        key_id: Option<u32>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sealed_secret: Option<String>,
        /// The secret in plaintext, in base32, instead of the sealed one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        secret: Option<String>,
        last_step: i64,
    },
    Passkey {
        id: String,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        #[serde(with = "time::serde::rfc3339")]
        created_at: OffsetDateTime,
        #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
        last_used_at: Option<OffsetDateTime>,
        credential_id: String,
        public_key: String,
        algorithm: i64,
        sign_count: u32,
        backup_eligible: bool,
        backed_up: bool,
        verifies_user: bool,
        user_handle: String,
        transports: Vec<String>,
    },
}

impl FactorRecord {
    /// The record of a factor. With a keyring, the secret of an authenticator app is in plaintext.
    pub(super) fn of(factor: &Factor, keyring: Option<&dyn Keyring>) -> Result<Self, KeyringError> {
        let id = factor.id.to_string();
        let name = factor.name.as_ref().map(|name| name.as_str().to_owned());
        let (created_at, last_used_at) = (factor.created_at, factor.last_used_at);
        Ok(match &factor.kind {
            FactorKind::Totp(totp) => {
                let plain = keyring.map(|keyring| plain_secret(keyring, factor, totp)).transpose()?;
                let is_sealed = plain.is_none();
                Self::Totp {
                    id,
                    name,
                    created_at,
                    last_used_at,
                    key_id: is_sealed.then(|| totp.key_id.get()),
                    sealed_secret: is_sealed.then(|| URL_SAFE_NO_PAD.encode(&totp.sealed_secret)),
                    secret: plain.map(|secret| secret.expose().to_owned()),
                    last_step: totp.last_step,
                }
            }
            FactorKind::Passkey(passkey) => Self::Passkey {
                id,
                name,
                created_at,
                last_used_at,
                credential_id: URL_SAFE_NO_PAD.encode(passkey.credential_id.as_bytes()),
                public_key: URL_SAFE_NO_PAD.encode(&passkey.public_key),
                algorithm: passkey.algorithm.id().into(),
                sign_count: passkey.sign_count,
                backup_eligible: passkey.is_backup_eligible,
                backed_up: passkey.is_backed_up,
                verifies_user: passkey.verifies_user,
                user_handle: URL_SAFE_NO_PAD.encode(passkey.user_handle.as_bytes()),
                transports: passkey.transports.clone(),
            },
        })
    }

    /// Converts the record to a factor to import.
    pub(super) fn incoming(self, user_id: UserId) -> Result<IncomingFactor, Problem> {
        let factor = |id: &str, name: Option<&str>, created_at, last_used_at, kind| {
            let name = name.map(|name| valid("name", FactorName::parse(name).ok())).transpose()?;
            let id = valid("id", Uuid::parse_str(id).ok().filter(|id| !id.is_nil()))?;
            let id = FactorId::from_uuid(id);
            Ok::<_, Problem>(Factor { id, user_id, name, created_at, last_used_at, kind })
        };
        match self {
            Self::Totp { id, name, created_at, last_used_at, key_id, sealed_secret, secret, last_step } => {
                let (totp, secret) = totp(key_id, sealed_secret.as_deref(), secret.as_deref(), last_step)?;
                let kind = FactorKind::Totp(totp);
                let factor = factor(&id, name.as_deref(), created_at, last_used_at, kind)?;
                Ok(IncomingFactor { factor, secret })
            }
            Self::Passkey {
                id,
                name,
                created_at,
                last_used_at,
                credential_id,
                public_key,
                algorithm,
                sign_count,
                backup_eligible,
                backed_up,
                verifies_user,
                user_handle,
                transports,
            } => {
                let algorithm = valid("algorithm", CoseAlgorithm::from_id(algorithm))?;
                let public_key = bytes(&public_key).filter(|key| algorithm.fits(key.len()));
                let user_handle = bytes(&user_handle).and_then(|handle| handle.try_into().ok());
                let are_transports = transports.len() <= Passkey::MAX_TRANSPORTS
                    && transports.iter().all(|name| Passkey::is_transport(name));
                let passkey = Passkey {
                    credential_id: valid("credential_id", bytes(&credential_id).and_then(CredentialId::new))?,
                    public_key: valid("public_key", public_key)?,
                    algorithm,
                    sign_count,
                    is_backup_eligible: backup_eligible,
                    is_backed_up: backed_up,
                    verifies_user,
                    user_handle: UserHandle::from_bytes(valid("user_handle", user_handle)?),
                    transports: valid("transports", are_transports.then_some(transports))?,
                };
                let kind = FactorKind::Passkey(passkey);
                let factor = factor(&id, name.as_deref(), created_at, last_used_at, kind)?;
                Ok(IncomingFactor { factor, secret: None })
            }
        }
    }
}

/// Reads an authenticator app, whose secret is either sealed or in plaintext.
fn totp(
    key_id: Option<u32>,
    sealed_secret: Option<&str>,
    secret: Option<&str>,
    last_step: i64,
) -> Result<(Totp, Option<ClearSecret>), Problem> {
    let (key_id, sealed_secret, secret) = match (key_id, sealed_secret, secret) {
        (Some(key_id), Some(sealed), None) => (key_id, valid("sealed_secret", bytes(sealed))?, None),
        (None, None, Some(secret)) => (0, Vec::new(), Some(valid("secret", ClearSecret::parse(secret))?)),
        _ => {
            let problem = "an authenticator app has either key_id and sealed_secret, or secret";
            return Err(Problem::Unreadable(problem.to_owned()));
        }
    };
    let key_id = SecretKeyId::new(key_id);
    Ok((Totp { key_id, sealed_secret, is_confirmed: true, last_step }, secret))
}

/// A digest in lower-case hexadecimal.
pub(super) fn digest_text(digest: &TokenDigest) -> String {
    digest.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads the digest of a recovery code.
pub(super) fn read_digest(text: &str) -> Result<TokenDigest, Problem> {
    let digit = |digit: &u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let byte = |pair: &[u8]| Some(digit(pair.first()?)? << 4 | digit(pair.get(1)?)?);
    let bytes: Option<Vec<u8>> = text.as_bytes().chunks(2).map(byte).collect();
    let digest = bytes.and_then(|bytes| bytes.try_into().ok());
    valid("recovery_codes", digest.map(TokenDigest::from_bytes))
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// The value of a field, or a problem that names the field without its value.
fn valid<T>(field: &str, value: Option<T>) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::Unreadable(format!("the value of {field} is not valid")))
}
