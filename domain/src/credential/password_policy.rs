//! Rules for new passwords (NIST SP 800-63B-4 section 3.1.1.2; OWASP ASVS 5.0, 6.2).

use super::common_passwords::is_common;
use super::{ContextWords, Password};
use crate::kernel::Email;

/// Minimum length in characters (Unicode code points, after normalisation).
pub const MIN_CHARS: usize = 8;
/// Maximum length in characters.
pub const MAX_CHARS: usize = 128;

/// Why a password is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WeakPassword {
    /// Shorter than [`MIN_CHARS`].
    #[error("the password must have at least 8 characters")]
    TooShort,
    /// Longer than [`MAX_CHARS`].
    #[error("the password must have at most 128 characters")]
    TooLong,
    /// On the list of common passwords.
    #[error("the password is too common")]
    Common,
    /// Equal to the address, or to the part before its `@`.
    #[error("the password must not be the e-mail address")]
    SameAsEmail,
    /// Shorter than [`MIN_CHARS`] if each word that names the service or the user counts as one character (OWASP ASVS
    /// 5.0, 6.2.11).
    #[error("the password is too short without the words that name the service or the user")]
    ContextWords,
}

/// Checks a new password. There are no composition rules: length is what counts.
pub fn check_new(password: &Password, email: &Email, context: &ContextWords) -> Result<(), WeakPassword> {
    check_alone(password)?;
    let lower = zeroize::Zeroizing::new(password.expose_str().to_lowercase());
    let address = email.lower_case();
    let local = address.rsplit_once('@').map_or("", |(local, _)| local);
    if *lower == address || *lower == email.normalized() || *lower == local {
        return Err(WeakPassword::SameAsEmail);
    }
    if context.chars_to_guess(&lower, email) < MIN_CHARS {
        return Err(WeakPassword::ContextWords);
    }
    Ok(())
}

/// Checks a new password without knowing its user.
pub fn check_alone(password: &Password) -> Result<(), WeakPassword> {
    let text = password.expose_str();
    let chars = text.chars().count();
    if chars < MIN_CHARS {
        return Err(WeakPassword::TooShort);
    }
    if chars > MAX_CHARS {
        return Err(WeakPassword::TooLong);
    }
    let lower = zeroize::Zeroizing::new(text.to_lowercase());
    if is_common(&lower) {
        return Err(WeakPassword::Common);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(password: &str) -> Result<(), WeakPassword> {
        let email = Email::parse("ann.example.lee@example.org").map_err(|_| WeakPassword::SameAsEmail)?;
        check_new(&Password::new(password), &email, &ContextWords::of(["Inwren Auth"]))
    }

    #[test]
    fn length_is_counted_in_code_points_after_normalisation() {
        assert_eq!(check("zq7!xw2"), Err(WeakPassword::TooShort));
        assert_eq!(check("zq7!xw2v"), Ok(()));
        assert_eq!(check("пароль-у"), Ok(()));
        assert_eq!(check(&"🦀".repeat(8)), Ok(()));
        assert_eq!(check(&"🦀".repeat(128)), Ok(()));
        assert_eq!(check(&"🦀".repeat(129)), Err(WeakPassword::TooLong));
        // Seven letters, each with a combining accent that composes with it.
        assert_eq!(check(&"e\u{301}".repeat(7)), Err(WeakPassword::TooShort));
    }

    #[test]
    fn common_ones_are_refused_in_any_case() {
        for common in
            ["password", "PassWord", "12345678", "qwertyuiop", "Password1", "iloveyou1", "ｐａｓｓｗｏｒｄ"]
        {
            assert_eq!(check(common), Err(WeakPassword::Common), "{common}");
        }
        assert_eq!(check("securepassword123"), Ok(()));
    }

    #[test]
    fn the_address_is_refused() {
        assert_eq!(check("Ann.Example.Lee@example.org"), Err(WeakPassword::SameAsEmail));
        assert_eq!(check("ann.example.lee"), Err(WeakPassword::SameAsEmail));
    }

    #[test]
    fn the_address_is_refused_in_both_forms() -> Result<(), crate::kernel::InvalidEmail> {
        let email = Email::parse("Ann.Lee@Bücherwurm.example")?;
        for (password, weak) in [
            ("ann.lee@bücherwurm.example", WeakPassword::SameAsEmail),
            ("ann.lee@xn--bcherwurm-q9a.example", WeakPassword::SameAsEmail),
            ("Bücherwurm99", WeakPassword::ContextWords),
        ] {
            let checked = check_new(&Password::new(password), &email, &ContextWords::default());
            assert_eq!(checked, Err(weak), "{password} for {}", email.normalized());
        }
        Ok(())
    }

    #[test]
    fn words_that_name_the_service_or_the_user_are_not_enough() {
        for word in
            ["inwren123", "Inwren-Auth1", "AUTH_inwren", "example99", "ann.example.lee!", "iNwrEn2026!"]
        {
            assert_eq!(check(word), Err(WeakPassword::ContextWords), "{word}");
        }
        for good in ["inwren-zq7!xw2", "an example of mine", "authentic pears"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn composition_does_not_matter() {
        assert_eq!(check("correct horse battery staple"), Ok(()));
        assert_eq!(check("zzzzyyyyxxxx"), Ok(()));
        assert_eq!(check("with\0nul and more"), Ok(()));
    }
}
