//! Where a listing goes on, as an opaque text. It says nothing that its page did not say, so it needs no signature:
//! a caller who makes one up gets a page that begins there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::model::{AgeCursor, SessionId, UserCursor, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

/// The first byte: what the rest is.
const BY_AGE: u8 = 1;
const BY_ADDRESS: u8 = 2;

/// A normalised address has fewer bytes.
const MAX_ADDRESS: usize = 1_024;

/// A place in a listing that can be written as a text.
pub(super) trait CursorText: Sized {
    fn encode(&self) -> String;
    fn decode(text: &str) -> Option<Self>;
}

impl CursorText for UserCursor {
    fn encode(&self) -> String {
        match self {
            Self::ByAge(place) => encode_age(place.created_at, place.id.as_uuid()),
            Self::ByAddress(address) => {
                URL_SAFE_NO_PAD.encode([&[BY_ADDRESS][..], address.as_bytes()].concat())
            }
        }
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        match bytes.split_first()? {
            (&BY_AGE, rest) => {
                let (created_at, id) = decode_age(rest)?;
                Some(Self::ByAge(AgeCursor { created_at, id: UserId::from_uuid(id) }))
            }
            (&BY_ADDRESS, rest) if rest.len() <= MAX_ADDRESS => {
                let address = std::str::from_utf8(rest).ok()?;
                // PostgreSQL takes no NUL, and no address has one.
                (!address.is_empty() && !address.contains('\0')).then(|| Self::ByAddress(address.to_owned()))
            }
            _ => None,
        }
    }
}

impl CursorText for AgeCursor<SessionId> {
    fn encode(&self) -> String {
        encode_age(self.created_at, self.id.as_uuid())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (created_at, id) = decode_age(bytes.strip_prefix(&[BY_AGE])?)?;
        Some(Self { created_at, id: SessionId::from_uuid(id) })
    }
}

fn encode_age(created_at: OffsetDateTime, id: Uuid) -> String {
    let mut bytes = vec![BY_AGE];
    // Every store keeps microseconds, and those of a valid date fit into 64 bits.
    let micros = created_at.unix_timestamp_nanos().div_euclid(1_000);
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    bytes.extend(micros.to_be_bytes());
    bytes.extend(id.into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode_age(bytes: &[u8]) -> Option<(OffsetDateTime, Uuid)> {
    let (micros, id) = bytes.split_at_checked(8)?;
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?;
    // PostgreSQL knows no earlier times. A user with a time that no clock showed is listed too.
    (created_at.year() >= -4712).then_some((created_at, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives() {
        for micros in [1_700_000_000_123_456, -1, 0, 253_402_300_799_999_999, -210_863_520_000_000_000] {
            let created_at = OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap();
            let of_user = AgeCursor { created_at, id: UserId::from_uuid(Uuid::from_u128(42)) };
            let of_user = UserCursor::ByAge(of_user);
            assert_eq!(UserCursor::decode(&of_user.encode()), Some(of_user));
            let of_session = AgeCursor { created_at, id: SessionId::from_uuid(Uuid::from_u128(42)) };
            assert_eq!(AgeCursor::decode(&of_session.encode()), Some(of_session));
        }
        for address in ["a@example.org", "zoë@bücher.example", &"a".repeat(MAX_ADDRESS)] {
            let cursor = UserCursor::ByAddress(address.to_owned());
            assert_eq!(UserCursor::decode(&cursor.encode()), Some(cursor.clone()));
            assert_eq!(AgeCursor::decode(&cursor.encode()), None);
        }
    }

    #[test]
    fn rubbish_is_no_cursor() {
        let encode = |parts: &[&[u8]]| URL_SAFE_NO_PAD.encode(parts.concat());
        let huge = encode(&[&[BY_AGE], &[0x7f; 8], &[0; 16]]);
        let ancient = encode(&[&[BY_AGE], &i64::to_be_bytes(-300_000_000_000_000_000), &[0; 16]]);
        let other = encode(&[&[3; 25]]);
        let no_text = encode(&[&[BY_ADDRESS, 0xff]]);
        let nul = encode(&[&[BY_ADDRESS], b"a\0"]);
        let long = encode(&[&[BY_ADDRESS], &[b'a'; MAX_ADDRESS + 1]]);
        let rubbish = ["", "a", "AQ", "Ag", "!!", "null", &huge, &ancient, &other, &no_text, &nul, &long];
        for text in rubbish.into_iter().chain([&*"A".repeat(10_000)]) {
            assert_eq!(UserCursor::decode(text), None, "{text}");
            assert_eq!(AgeCursor::<SessionId>::decode(text), None, "{text}");
        }
    }
}
