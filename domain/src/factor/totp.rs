//! Secrets and codes of authenticator apps (RFC 6238).

use time::OffsetDateTime;
use zeroize::Zeroizing;

use super::{Code, Factor, FactorId, FactorKind, Totp, TotpSecret};
use crate::kernel::{Email, Entropy, PlainToken, UserId, base32};
use crate::keyring::{Keyring, KeyringError, Sealed};
use crate::{Core, PortFailure};

/// Seconds of a time step.
const PERIOD: i64 = 30;
/// The purpose of the key that seals secrets.
const PURPOSE: &str = "totp secret";

/// Creates a secret of 160 random bits.
pub(super) fn new_secret(core: &Core) -> Result<TotpSecret, PortFailure> {
    let mut secret = Zeroizing::new([0; 20]);
    core.entropy.fill(secret.as_mut_slice())?;
    Ok(secret)
}

/// Seals a secret for its row.
pub(super) fn seal(core: &Core, row: (FactorId, UserId), secret: &TotpSecret) -> Result<Sealed, PortFailure> {
    seal_with(core.keyring()?, core.entropy.as_ref(), row, secret)
}

/// Seals a secret for its row with the current key of the keyring.
pub(crate) fn seal_with(
    keyring: &dyn Keyring,
    entropy: &dyn Entropy,
    (id, user): (FactorId, UserId),
    secret: &TotpSecret,
) -> Result<Sealed, PortFailure> {
    let mut nonce = [0; 12];
    entropy.fill(&mut nonce)?;
    Ok(keyring.seal(PURPOSE, &place(&id, &user), nonce, secret.as_slice())?)
}

/// Creates a confirmed authenticator app with this secret in base32, for a user of a test environment. `None` if the text
/// is not 160 bits in base32.
pub fn known_totp(core: &Core, user_id: UserId, secret: &str) -> Result<Option<Factor>, PortFailure> {
    let Some(secret) = parse_secret(secret) else { return Ok(None) };
    let created_at = core.clock.now();
    let id = FactorId::generate(created_at, core.entropy.as_ref())?;
    let Sealed { key, bytes } = seal(core, (id, user_id), &secret)?;
    let totp = Totp { key_id: key, sealed_secret: bytes, is_confirmed: true, last_step: 0 };
    let kind = FactorKind::Totp(totp);
    Ok(Some(Factor { id, user_id, name: None, created_at, last_used_at: None, kind }))
}

/// Opens the secret of an authenticator app.
pub(super) fn open(core: &Core, factor: &Factor, totp: &Totp) -> Result<TotpSecret, KeyringError> {
    open_with(core.keyring()?, factor, totp)
}

/// Opens the secret of an authenticator app with this keyring.
pub(crate) fn open_with(
    keyring: &dyn Keyring,
    factor: &Factor,
    totp: &Totp,
) -> Result<TotpSecret, KeyringError> {
    let place = place(&factor.id, &factor.user_id);
    let opened = keyring.open(totp.key_id, PURPOSE, &place, &totp.sealed_secret)?;
    let mut secret = Zeroizing::new([0; 20]);
    if opened.len() != secret.len() {
        return Err(KeyringError::Sealed(totp.key_id));
    }
    secret.copy_from_slice(&opened);
    Ok(secret)
}

/// Associated data: the table, the row and the user.
fn place<'a>(id: &'a FactorId, user: &'a UserId) -> [&'a [u8]; 3] {
    [b"factors", id.as_bytes(), user.as_bytes()]
}

/// The time step for which the code is right now, if there is one after the last accepted step. A code may be early or
/// late by the configured number of steps.
pub(crate) fn step_of(
    core: &Core,
    factor: &Factor,
    totp: &Totp,
    code: &Code,
    now: OffsetDateTime,
) -> Result<Option<i64>, KeyringError> {
    let secret = open(core, factor, totp)?;
    let (current, skew) = (now.unix_timestamp() / PERIOD, i64::from(core.settings.factors.totp_skew_steps));
    let accepted = |step: &i64| {
        let known = u64::try_from(*step).is_ok_and(|step| code.is_totp(core.totp.code(&secret, step)));
        known && *step > totp.last_step
    };
    Ok((current - skew..=current + skew).find(accepted))
}

/// The secret of an authenticator app in base32, for an export in plaintext.
pub fn plain_secret(keyring: &dyn Keyring, factor: &Factor, totp: &Totp) -> Result<PlainToken, KeyringError> {
    Ok(to_text(&open_with(keyring, factor, totp)?))
}

/// Reads a secret in base32.
pub(crate) fn parse_secret(text: &str) -> Option<TotpSecret> {
    base32::decode(text).map(Zeroizing::new)
}

/// The secret in base32, for a person who types it.
pub(super) fn to_text(secret: &TotpSecret) -> PlainToken {
    PlainToken::new(base32::encode(secret.as_slice()))
}

/// The key URI that authenticator apps read from a QR code.
pub(super) fn uri(core: &Core, email: &Email, secret: &PlainToken) -> PlainToken {
    // A colon separates the issuer from the account.
    let issuer = encoded(&core.settings.factors.service_name.replace(':', ""));
    let account = encoded(email.as_str());
    let secret = secret.expose();
    PlainToken::new(format!(
        "otpauth://totp/{issuer}:{account}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={PERIOD}"
    ))
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3).
fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => encoded.push(byte.into()),
            _ => {
                let digit =
                    |value: u8| char::from_digit(value.into(), 16).unwrap_or('0').to_ascii_uppercase();
                encoded.extend(['%', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_characters_are_percent_encoded() {
        assert_eq!(encoded("a+b@example.org ü"), "a%2Bb%40example.org%20%C3%BC");
    }
}
