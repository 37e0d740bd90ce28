//! Maps the refusals of these operations to problems.

use inwren_domain::account::{self, NotCreated};

use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{email_taken, invalid_credentials, invalid_token, weak_password};
use crate::http::shared::responses::problems;

problems! {
    Update = ALWAYS TOKEN BODY JSON
        [STEP_UP_REQUIRED TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED MAIL_NOT_CONFIGURED];
    Delete = ALWAYS TOKEN [STEP_UP_REQUIRED LAST_SUPERUSER RATE_LIMITED];
}

impl From<account::update::Refusal> for Problem {
    fn from(refusal: account::update::Refusal) -> Self {
        match refusal {
            account::update::Refusal::EmailTaken => email_taken(),
            account::update::Refusal::Tier(refused) => refused.into(),
            account::update::Refusal::StepUp(required) => required.into(),
            account::update::Refusal::MailNotConfigured => Self::of(Kind::MAIL_NOT_CONFIGURED),
            account::update::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

impl From<account::deactivate::Refusal> for Problem {
    fn from(refusal: account::deactivate::Refusal) -> Self {
        match refusal {
            account::deactivate::Refusal::StepUp(required) => required.into(),
            account::deactivate::Refusal::LastSuperuser(last) => last.into(),
            account::deactivate::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

problems! {
    Register = ALWAYS BODY JSON
        [REGISTRATION_CLOSED TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED MAIL_NOT_CONFIGURED];
    Verify = ALWAYS BODY JSON [INVALID_ACTION_TOKEN INVALID_CREDENTIALS INVALID_TOKEN EMAIL_TAKEN RATE_LIMITED];
    Resend = ALWAYS BODY JSON [INVALID_TOKEN RATE_LIMITED MAIL_NOT_CONFIGURED];
    Forgot = ALWAYS BODY JSON [MAIL_NOT_CONFIGURED];
    Reset = ALWAYS BODY JSON [INVALID_ACTION_TOKEN RATE_LIMITED];
    Confirm = ALWAYS BODY JSON [INVALID_ACTION_TOKEN EMAIL_TAKEN RATE_LIMITED];
}

impl From<account::register::Refusal> for Problem {
    fn from(refusal: account::register::Refusal) -> Self {
        match refusal {
            account::register::Refusal::Closed => Self::of(Kind::REGISTRATION_CLOSED),
            account::register::Refusal::MailNotConfigured => Self::of(Kind::MAIL_NOT_CONFIGURED),
            account::register::Refusal::NotCreated(refusal) => not_created(refusal),
            account::register::Refusal::Tier(refused) => refused.into(),
        }
    }
}

fn not_created(refusal: NotCreated) -> Problem {
    match refusal {
        NotCreated::EmailTaken => email_taken(),
        NotCreated::WeakPassword(weak) => weak_password("/password", weak),
    }
}

impl From<account::verify_email::Refusal> for Problem {
    fn from(refusal: account::verify_email::Refusal) -> Self {
        match refusal {
            account::verify_email::Refusal::Invalid => Self::of(Kind::INVALID_ACTION_TOKEN),
            account::verify_email::Refusal::PasswordNeeded => {
                Self::invalid("/password", "Field `password` is required")
            }
            account::verify_email::Refusal::WrongPassword => invalid_credentials(),
            account::verify_email::Refusal::NotCreated(refusal) => not_created(refusal),
        }
    }
}

impl From<account::change_email::Refusal> for Problem {
    fn from(refusal: account::change_email::Refusal) -> Self {
        match refusal {
            account::change_email::Refusal::Invalid => Self::of(Kind::INVALID_ACTION_TOKEN),
            account::change_email::Refusal::EmailTaken => email_taken(),
        }
    }
}

/// The refusal of a link that sets a password, with the pointer of the field of the password.
pub(super) struct PasswordLink(pub(super) &'static str, pub(super) account::recover::Refusal);

impl From<PasswordLink> for Problem {
    fn from(PasswordLink(field, refusal): PasswordLink) -> Self {
        match refusal {
            account::recover::Refusal::Invalid => Self::of(Kind::INVALID_ACTION_TOKEN),
            account::recover::Refusal::WeakPassword(weak) => weak_password(field, weak),
        }
    }
}
