//! Maps the refusals of these operations to problems.

use inwren_domain::account::{self, NotCreated};

use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{email_taken, invalid_credentials, invalid_token, weak_password};
use crate::http::shared::responses::problems;
use crate::http::shared::second_factor::{invalid_factor, second_factor_required};

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
    Verify = ALWAYS BODY JSON [
        INVALID_ACTION_TOKEN
        INVALID_CREDENTIALS
        INVALID_TOKEN
        FACTOR_ENROLLMENT_REQUIRED
        EMAIL_TAKEN
        RATE_LIMITED
    ];
    Resend = ALWAYS BODY JSON [INVALID_TOKEN FACTOR_ENROLLMENT_REQUIRED RATE_LIMITED MAIL_NOT_CONFIGURED];
    Forgot = ALWAYS BODY JSON [MAIL_NOT_CONFIGURED];
    Reset = ALWAYS BODY JSON [
        INVALID_ACTION_TOKEN
        SECOND_FACTOR_REQUIRED
        INVALID_FACTOR
        RATE_LIMITED
        SECRET_KEY_NOT_CONFIGURED
    ];
    Accept = ALWAYS BODY JSON [INVALID_ACTION_TOKEN RATE_LIMITED];
    LostFactor = ALWAYS BODY JSON [NOT_FOUND RATE_LIMITED MAIL_NOT_CONFIGURED];
    KeepFactors = ALWAYS BODY JSON [INVALID_ACTION_TOKEN RATE_LIMITED];
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

impl From<account::recover::Refusal> for Problem {
    fn from(refusal: account::recover::Refusal) -> Self {
        match refusal {
            account::recover::Refusal::Invalid => Self::of(Kind::INVALID_ACTION_TOKEN),
            account::recover::Refusal::WeakPassword(weak) => weak_password("/new_password", weak),
            account::recover::Refusal::NeedsFactor(step) => second_factor_required(*step),
            account::recover::Refusal::WrongFactor { attempts_left } => invalid_factor(Some(attempts_left)),
        }
    }
}

/// The refusal of an invitation.
pub(super) struct NotAccepted(pub(super) account::accept_invitation::Refusal);

impl From<NotAccepted> for Problem {
    fn from(NotAccepted(refusal): NotAccepted) -> Self {
        match refusal {
            account::accept_invitation::Refusal::WeakPassword(weak) => weak_password("/password", weak),
            // Enrolling a factor voids an invitation.
            account::accept_invitation::Refusal::Invalid
            | account::accept_invitation::Refusal::NeedsFactor(_)
            | account::accept_invitation::Refusal::WrongFactor { .. } => Self::of(Kind::INVALID_ACTION_TOKEN),
        }
    }
}

impl From<account::lost_factor::Refusal> for Problem {
    fn from(refusal: account::lost_factor::Refusal) -> Self {
        match refusal {
            account::lost_factor::Refusal::Disabled => {
                Self::new(Kind::NOT_FOUND, "The operator has disabled the removal of lost factors.")
            }
            account::lost_factor::Refusal::MailNotConfigured => Self::of(Kind::MAIL_NOT_CONFIGURED),
            account::lost_factor::Refusal::Invalid => Self::of(Kind::INVALID_ACTION_TOKEN),
        }
    }
}
