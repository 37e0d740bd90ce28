//! Codes of authenticator apps: the adapter against the app of the tests.

use inwren_adapters::crypto::totp::HmacTotpCodes;
use inwren_domain::factor::{TotpCodes, TotpSecret};
use inwren_tests::authenticator::totp_code;
use time::{Duration, OffsetDateTime};

/// The secret `12345678901234567890` of RFC 4226 and RFC 6238.
const SECRET: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

#[test]
fn adapter_agrees_with_the_app() {
    let secret = TotpSecret::new(*b"12345678901234567890");
    let mut short = 0;
    for step in 0..2_000_u64 {
        let code = HmacTotpCodes.code(&secret, step);
        let time = OffsetDateTime::UNIX_EPOCH + Duration::seconds(i64::try_from(step * 30 + 29).unwrap());
        assert_eq!(totp_code(SECRET, time), format!("{code:06}"), "{step}");
        assert!(code < 1_000_000);
        short += usize::from(code < 100_000);
    }
    assert!(short > 100, "no code starts with zeros");
}

#[test]
fn app_matches_the_standard() {
    let at = |seconds| totp_code(SECRET, OffsetDateTime::UNIX_EPOCH + Duration::seconds(seconds));
    assert_eq!(at(59), "287082");
    assert_eq!(at(1_234_567_890), "005924");
    assert_eq!(at(20_000_000_000), "353130");
}
