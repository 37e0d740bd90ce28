//! Where a listing goes on, as an opaque text. It says nothing that its page did not say, so it needs no signature:
//! a caller who makes one up gets a page that begins there.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::model::{Cursor, SessionId, UserId};
use time::OffsetDateTime;
use uuid::Uuid;

const VERSION: u8 = 1;

/// An id by which a listing is ordered.
pub(super) trait ListedId: Copy + Send + Sync {
    fn to_uuid(self) -> Uuid;
    fn of_uuid(uuid: Uuid) -> Self;
}

impl ListedId for UserId {
    fn to_uuid(self) -> Uuid {
        self.as_uuid()
    }

    fn of_uuid(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }
}

impl ListedId for SessionId {
    fn to_uuid(self) -> Uuid {
        self.as_uuid()
    }

    fn of_uuid(uuid: Uuid) -> Self {
        Self::from_uuid(uuid)
    }
}

pub(super) fn encode<Id: ListedId>(cursor: Cursor<Id>) -> String {
    let mut bytes = vec![VERSION];
    // Every store keeps microseconds, and those of a valid date fit into 64 bits.
    let micros = cursor.created_at.unix_timestamp_nanos().div_euclid(1_000);
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    bytes.extend(micros.to_be_bytes());
    bytes.extend(cursor.id.to_uuid().into_bytes());
    URL_SAFE_NO_PAD.encode(bytes)
}

pub(super) fn decode<Id: ListedId>(text: &str) -> Option<Cursor<Id>> {
    let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
    let (version, rest) = bytes.split_first()?;
    let (micros, id) = rest.split_at_checked(8)?;
    if *version != VERSION {
        return None;
    }
    let micros = i64::from_be_bytes(micros.try_into().ok()?);
    let created_at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?;
    // PostgreSQL knows no earlier times. A user with a time that no clock showed is listed too.
    if created_at.year() < -4712 {
        return None;
    }
    Some(Cursor { created_at, id: Id::of_uuid(Uuid::from_slice(id).ok()?) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives() {
        for micros in [1_700_000_000_123_456, -1, 0, 253_402_300_799_999_999, -210_863_520_000_000_000] {
            let created_at = OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).unwrap();
            let cursor = Cursor { created_at, id: UserId::from_uuid(Uuid::from_u128(42)) };
            assert_eq!(decode(&encode(cursor)), Some(cursor));
        }
    }

    #[test]
    fn rubbish_is_no_cursor() {
        let huge = URL_SAFE_NO_PAD.encode([&[VERSION][..], &[0x7f; 8], &[0; 16]].concat());
        let ancient = URL_SAFE_NO_PAD
            .encode([&[VERSION][..], &i64::to_be_bytes(-300_000_000_000_000_000), &[0; 16]].concat());
        let other = URL_SAFE_NO_PAD.encode([2_u8; 25]);
        for text in ["", "a", "AQ", "!!", "null", &huge, &ancient, &other, &"A".repeat(10_000)] {
            assert_eq!(decode::<UserId>(text), None, "{text}");
        }
    }
}
