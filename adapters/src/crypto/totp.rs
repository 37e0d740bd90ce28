//! Codes of authenticator apps.

use aws_lc_rs::hmac::{HMAC_SHA1_FOR_LEGACY_USE_ONLY, Key, sign};
use inwren_domain::factor::{TotpCodes, TotpSecret};

/// Computes codes with HMAC-SHA-1. Authenticator apps know no other hash reliably, and HMAC does not need a
/// hash without collisions (RFC 6194 section 3.3).
#[derive(Clone, Copy, Debug, Default)]
pub struct HmacTotpCodes;

impl TotpCodes for HmacTotpCodes {
    fn code(&self, secret: &TotpSecret, step: u64) -> u32 {
        let key = Key::new(HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_slice());
        truncate(sign(&key, &step.to_be_bytes()).as_ref()) % 1_000_000
    }
}

/// Dynamic truncation (RFC 4226 section 5.3): 31 bits at the offset that the last four bits of the code give.
fn truncate(code: &[u8]) -> u32 {
    let offset = usize::from(code.last().copied().unwrap_or_default() & 0x0f);
    let chosen = code.get(offset..).and_then(|bytes| bytes.first_chunk()).copied();
    u32::from_be_bytes(chosen.unwrap_or_default()) & 0x7fff_ffff
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(step: u64) -> u32 {
        HmacTotpCodes.code(&TotpSecret::new(*b"12345678901234567890"), step)
    }

    /// RFC 4226 appendix D.
    #[test]
    fn codes_of_counters_match_the_standard() {
        let codes =
            [755_224, 287_082, 359_152, 969_429, 338_314, 254_676, 287_922, 162_583, 399_871, 520_489];
        for (counter, expected) in (0..).zip(codes) {
            assert_eq!(code(counter), expected, "{counter}");
        }
    }

    /// RFC 6238 appendix B, of which the codes have two more digits in front.
    #[test]
    fn codes_of_times_match_the_standard() {
        for (seconds, expected) in [
            (59, 287_082),
            (1_111_111_109, 81_804),
            (1_111_111_111, 50_471),
            (1_234_567_890, 5_924),
            (2_000_000_000, 279_037),
            (20_000_000_000, 353_130),
        ] {
            assert_eq!(code(seconds / 30), expected, "{seconds}");
        }
    }
}
