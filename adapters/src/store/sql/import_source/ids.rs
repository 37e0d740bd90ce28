//! Conversion of the legacy service's user ids.

use inwren_domain::kernel::UserId;
use sha2::{Digest as _, Sha256};
use uuid::{Builder, Uuid};

/// Converts an id: a UUID in any of its forms, or a number.
pub(super) fn user_id(key: &str) -> Option<UserId> {
    if let Ok(number) = key.parse::<i64>() {
        return Some(of_number(number));
    }
    Uuid::parse_str(key).ok().map(UserId::from_uuid)
}

/// Returns a UUID of version 8 (RFC 9562 section 5.8): the first 128 bits of the SHA-256 digest of `inwren:user:` and
/// the number, as in its appendix B.2.
fn of_number(number: i64) -> UserId {
    let digest: [u8; 32] = Sha256::digest(format!("inwren:user:{number}")).into();
    let mut bytes = [0; 16];
    bytes.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    UserId::from_uuid(Builder::from_custom_bytes(bytes).into_uuid())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_uuid_stays_what_it_is_in_every_form() {
        let expected = user_id("0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a");
        assert!(expected.is_some());
        for form in ["0192F0C1-2B3C-7D4E-8F5A-6B7C8D9E0F1A", "0192f0c12b3c7d4e8f5a6b7c8d9e0f1a"] {
            assert_eq!(user_id(form), expected);
        }
        for none in ["", "ann", "0192f0c1-2b3c", "1.5", "99999999999999999999"] {
            assert_eq!(user_id(none), None, "{none}");
        }
    }

    #[test]
    fn a_number_is_always_the_same_uuid() {
        // Computed with sha256sum.
        let seventeen = user_id("17").map(|id| id.to_string());
        assert_eq!(seventeen.as_deref(), Some("9addd1d4-aa7f-81f6-a09f-a106000e92af"));
        assert_ne!(user_id("1"), user_id("2"));
        assert_eq!(user_id("17").map(|id| id.as_uuid().get_version_num()), Some(8));
    }
}
