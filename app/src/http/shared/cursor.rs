//! Opaque pagination cursors. A cursor contains only what its page showed, so it needs no signature: a caller who makes
//! one up gets a page that starts there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::audit::AuditEventId;
use inwren_domain::client::ClientId;
use inwren_domain::kernel::{AgeCursor, SessionId, UserCursor, UserId};
use inwren_domain::outbox::LetterId;
use time::OffsetDateTime;
use uuid::Uuid;

/// The first byte is the format: age only, age and address, or the id of a client.
const BY_AGE: u8 = 1;
const BOTH: u8 = 2;
const BY_CLIENT: u8 = 4;
/// The size of the age: a time of 8 bytes and an id of 16.
const AGE_BYTES: usize = 24;

/// A position in a list that can be encoded as a text.
pub(in crate::http) trait CursorText: Sized {
    fn encode(&self) -> String;
    fn decode(text: &str) -> Option<Self>;
}

impl CursorText for UserCursor {
    fn encode(&self) -> String {
        let mut bytes = vec![BOTH];
        bytes.extend(age_bytes(self.age.created_at, self.age.id.as_uuid()));
        // The length makes a truncated cursor invalid.
        bytes.extend(u16::try_from(self.address.len()).unwrap_or(u16::MAX).to_be_bytes());
        bytes.extend(self.address.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (kind, rest) = bytes.split_first()?;
        let (age, rest) = rest.split_at_checked(AGE_BYTES)?;
        let address = match *kind {
            // Earlier versions, which did not order by address, issued such cursors.
            BY_AGE if rest.is_empty() => String::new(),
            BOTH => {
                let (length, address) = rest.split_first_chunk()?;
                (usize::from(u16::from_be_bytes(*length)) == address.len()).then_some(())?;
                String::from_utf8(address.to_vec()).ok()?
            }
            _ => return None,
        };
        // PostgreSQL accepts no NUL in texts, and no address contains one.
        (!address.contains('\0')).then_some(())?;
        let (created_at, id) = decode_age(age)?;
        Some(Self { age: AgeCursor { created_at, id: UserId::from_uuid(id) }, address })
    }
}

impl CursorText for AgeCursor<LetterId> {
    fn encode(&self) -> String {
        encode_by_age(self.created_at, self.id.as_uuid())
    }

    fn decode(text: &str) -> Option<Self> {
        let (created_at, id) = decode_by_age(text)?;
        Some(Self { created_at, id: LetterId::from_uuid(id) })
    }
}

impl CursorText for AgeCursor<SessionId> {
    fn encode(&self) -> String {
        encode_by_age(self.created_at, self.id.as_uuid())
    }

    fn decode(text: &str) -> Option<Self> {
        let (created_at, id) = decode_by_age(text)?;
        Some(Self { created_at, id: SessionId::from_uuid(id) })
    }
}

impl CursorText for AgeCursor<AuditEventId> {
    fn encode(&self) -> String {
        encode_by_age(self.created_at, self.id.as_uuid())
    }

    fn decode(text: &str) -> Option<Self> {
        let (created_at, id) = decode_by_age(text)?;
        Some(Self { created_at, id: AuditEventId::from_uuid(id) })
    }
}

/// A position in a list of clients: right after the client with this id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::http) struct ClientCursor(pub(in crate::http) ClientId);

impl CursorText for ClientCursor {
    fn encode(&self) -> String {
        let id = self.0.as_str().as_bytes();
        // The length makes a truncated cursor invalid. An id has at most 64 bytes.
        let length = u8::try_from(id.len()).unwrap_or(u8::MAX);
        URL_SAFE_NO_PAD.encode([&[BY_CLIENT, length][..], id].concat())
    }

    fn decode(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let [BY_CLIENT, length, id @ ..] = bytes.as_slice() else { return None };
        let is_whole = usize::from(*length) == id.len();
        let id = std::str::from_utf8(id).ok().filter(|_| is_whole)?;
        ClientId::parse(id).ok().map(Self)
    }
}

fn encode_by_age(created_at: OffsetDateTime, id: Uuid) -> String {
    let mut bytes = vec![BY_AGE];
    bytes.extend(age_bytes(created_at, id));
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode_by_age(text: &str) -> Option<(OffsetDateTime, Uuid)> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    decode_age(bytes.strip_prefix(&[BY_AGE])?)
}

fn age_bytes(created_at: OffsetDateTime, id: Uuid) -> impl Iterator<Item = u8> {
    // Every store keeps microseconds, and those of a valid date fit into 64 bits.
    let micros = created_at.unix_timestamp_nanos().div_euclid(1_000);
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    micros.to_be_bytes().into_iter().chain(id.into_bytes())
}

fn decode_age(bytes: &[u8]) -> Option<(OffsetDateTime, Uuid)> {
    let (micros, id) = bytes.split_at_checked(8)?;
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?;
    // PostgreSQL supports no earlier times. Implausible times are valid, so that a user with such a time is listed too.
    (created_at.year() >= -4712).then_some((created_at, Uuid::from_slice(id).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives() {
        for micros in [1_700_000_000_123_456, -1, 0, 253_402_300_799_999_999, -210_863_520_000_000_000] {
            let created_at = OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap();
            let age = AgeCursor { created_at, id: UserId::from_uuid(Uuid::from_u128(42)) };
            for address in ["a@example.org", "zo\u{eb}@b\u{fc}cher.example", "", &"a".repeat(1_000)] {
                let of_user = UserCursor { age, address: address.to_owned() };
                assert_eq!(UserCursor::decode(&of_user.encode()), Some(of_user.clone()));
                assert_eq!(AgeCursor::<SessionId>::decode(&of_user.encode()), None);
            }
            let of_session = AgeCursor { created_at, id: SessionId::from_uuid(Uuid::from_u128(42)) };
            assert_eq!(AgeCursor::decode(&of_session.encode()), Some(of_session));
            let of_event = AgeCursor { created_at, id: AuditEventId::from_uuid(Uuid::from_u128(42)) };
            assert_eq!(AgeCursor::decode(&of_event.encode()), Some(of_event));
            // The format of user cursors in earlier versions.
            assert_eq!(
                UserCursor::decode(&of_session.encode()),
                Some(UserCursor { age, address: String::new() })
            );
        }
    }

    #[test]
    fn a_cursor_of_clients_survives() {
        for id in ["a", "grafana", "..._~-", &"a".repeat(64)] {
            let cursor = ClientCursor(ClientId::parse(id).unwrap());
            let text = cursor.encode();
            assert_eq!(ClientCursor::decode(&text), Some(cursor));
            assert_eq!(UserCursor::decode(&text), None);
        }
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        for text in
            ["", "BA", &encode(&[4, 0]), &encode(b"\x04\x02a"), &encode(b"\x04\x01ab"), &encode(b"\x04\x01 ")]
        {
            assert_eq!(ClientCursor::decode(text), None, "{text}");
        }
    }

    #[test]
    fn rubbish_is_no_cursor() {
        let encode = |parts: &[&[u8]]| URL_SAFE_NO_PAD.encode(parts.concat());
        let huge = encode(&[&[BY_AGE], &[0x7f; 8], &[0; 16]]);
        let ancient = encode(&[&[BY_AGE], &i64::to_be_bytes(-300_000_000_000_000_000), &[0; 16]]);
        let other = encode(&[&[3; 25]]);
        let no_text = encode(&[&[BOTH], &[0; 24], &[0, 1, 0xff]]);
        let nul = encode(&[&[BOTH], &[0; 24], &[0, 2], b"a\0"]);
        let cut = encode(&[&[BOTH], &[0; 24], &[0, 3], b"ab"]);
        let long = encode(&[&[BOTH], &[0; 24], &[0, 1], b"ab"]);
        let rubbish =
            ["", "a", "AQ", "Ag", "!!", "null", &huge, &ancient, &other, &no_text, &nul, &cut, &long];
        for text in rubbish.into_iter().chain([&*"A".repeat(10_000)]) {
            assert_eq!(UserCursor::decode(text), None, "{text}");
            assert_eq!(AgeCursor::<SessionId>::decode(text), None, "{text}");
        }
    }
}
