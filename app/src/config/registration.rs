//! Settings for who may register, and whether an address must be verified.

use inwren_domain::account::{EmailVerification, RegistrationMode};

use super::mail::has_mail;
use super::source::Source;

/// Refuses to require verified addresses without mail: no one could register.
pub(super) fn require_mail(source: &mut Source) {
    if source.text("EMAIL_VERIFICATION").is_some_and(|text| text.trim() == "required") && !has_mail(source) {
        source.refuse(
            "EMAIL_VERIFICATION",
            "needs SMTP_URL, because the service sends a letter to each new user: set SMTP_URL, or choose another value",
        );
    }
}

/// Reads both modes.
pub(super) fn modes(source: &mut Source) -> (Option<EmailVerification>, Option<RegistrationMode>) {
    let email_verification = source.parse("EMAIL_VERIFICATION", |text| match text {
        "off" => Some(EmailVerification::Off),
        "optional" => Some(EmailVerification::Optional),
        "required" => Some(EmailVerification::Required),
        _ => None,
    });
    let registration = source.parse("REGISTRATION", |text| match text {
        "open" => Some(RegistrationMode::Open),
        "invited" => Some(RegistrationMode::Invited),
        "closed" => Some(RegistrationMode::Closed),
        _ => None,
    });
    (email_verification, registration)
}
