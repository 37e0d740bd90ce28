use std::fmt;

use crate::Core;
use crate::kernel::{PlainToken, TokenDigest, base32, equal};

/// A code as a person types it: of an authenticator app, or a recovery code.
#[derive(Clone)]
pub struct Code(PlainToken);

/// The text is neither 6 digits nor a recovery code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be 6 digits, or a recovery code of {} letters and digits", Code::RECOVERY_CHARS)]
pub struct InvalidCode;

impl Code {
    /// Digits of a code from an authenticator app.
    pub const TOTP_DIGITS: usize = 6;
    /// Characters of a recovery code without dashes: 120 bits in base32.
    pub const RECOVERY_CHARS: usize = 24;

    /// Reads a code. Ignores spaces, dashes and case.
    pub fn parse(text: &str) -> Result<Self, InvalidCode> {
        let typed: String =
            text.chars().filter(|c| !matches!(c, ' ' | '-')).map(|c| c.to_ascii_uppercase()).collect();
        let is_totp = typed.len() == Self::TOTP_DIGITS && typed.bytes().all(|byte| byte.is_ascii_digit());
        let is_recovery = typed.len() == Self::RECOVERY_CHARS && typed.chars().all(base32::is_digit);
        let code = Self(PlainToken::new(typed));
        if is_totp || is_recovery { Ok(code) } else { Err(InvalidCode) }
    }

    /// Compares with the code of an authenticator app, in constant time.
    pub(crate) fn is_totp(&self, code: u32) -> bool {
        equal(self.0.expose().as_bytes(), format!("{code:06}").as_bytes())
    }

    /// Whether it has the shape of a recovery code.
    pub fn is_recovery(&self) -> bool {
        self.0.expose().len() == Self::RECOVERY_CHARS
    }

    /// The digest under which a recovery code is stored.
    pub(crate) fn digest(&self, core: &Core) -> TokenDigest {
        core.verifier.digest(&self.0)
    }
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Code(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spaces_dashes_and_case_count_for_nothing() {
        let recovery = Code::parse("abcd-efgh-ijkl-mnop-qrst-uv27").unwrap();
        assert_eq!(recovery.0.expose(), "ABCDEFGHIJKLMNOPQRSTUV27");
        assert!(Code::parse(" 012 345").unwrap().is_totp(12_345));
        assert!(!Code::parse("012345").unwrap().is_totp(112_345) && !recovery.is_totp(0));
    }

    #[test]
    fn other_texts_are_no_codes() {
        for wrong in
            ["", "12345", "1234567", "١٢٣٤٥٦", "abcd-efgh-ijkl-mnop-qrst-uv18", "abcdefghijklmnopqrstuv2"]
        {
            assert!(Code::parse(wrong).is_err(), "{wrong}");
        }
    }
}
