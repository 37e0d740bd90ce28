//! Maps the refusals of these operations to problems.

use inwren_domain::account::admin;
use inwren_domain::session;

use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{email_taken, invalid_token, not_found, not_permitted};
use crate::http::shared::responses::problems;

problems! {
    List = ALWAYS SUPERUSER [VALIDATION_FAILED RATE_LIMITED];
    Invite = ALWAYS SUPERUSER BODY JSON [EMAIL_TAKEN RATE_LIMITED SECRET_KEY_NOT_CONFIGURED];
    ResetPassword = ALWAYS SUPERUSER [NOT_FOUND VALIDATION_FAILED RATE_LIMITED SECRET_KEY_NOT_CONFIGURED];
    One = ALWAYS SUPERUSER [NOT_FOUND VALIDATION_FAILED RATE_LIMITED];
    Update = ALWAYS SUPERUSER BODY JSON [NOT_FOUND EMAIL_TAKEN LAST_SUPERUSER RATE_LIMITED];
    ResetFactors = ALWAYS SUPERUSER BODY JSON [NOT_FOUND OWN_FACTORS RATE_LIMITED];
    Delete = ALWAYS SUPERUSER [NOT_FOUND LAST_SUPERUSER VALIDATION_FAILED RATE_LIMITED];
}

impl From<admin::NotFound> for Problem {
    fn from(_: admin::NotFound) -> Self {
        not_found("user")
    }
}

impl From<session::admin::Refusal> for Problem {
    fn from(refusal: session::admin::Refusal) -> Self {
        match refusal {
            session::admin::Refusal::NotFound => not_found("user"),
            session::admin::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::Unconfirmed> for Problem {
    fn from(unconfirmed: admin::Unconfirmed) -> Self {
        match unconfirmed {
            admin::Unconfirmed::NotPermitted => not_permitted(),
            admin::Unconfirmed::ChangedMeanwhile => invalid_token(),
        }
    }
}

impl From<admin::update::Refusal> for Problem {
    fn from(refusal: admin::update::Refusal) -> Self {
        match refusal {
            admin::update::Refusal::NotFound => not_found("user"),
            admin::update::Refusal::EmailTaken => email_taken(),
            admin::update::Refusal::Tier(refused) => refused.into(),
            admin::update::Refusal::LastSuperuser(last) => last.into(),
            admin::update::Refusal::StepUp(required) => required.into(),
            admin::update::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::delete::Refusal> for Problem {
    fn from(refusal: admin::delete::Refusal) -> Self {
        match refusal {
            admin::delete::Refusal::NotFound => not_found("user"),
            admin::delete::Refusal::LastSuperuser(last) => last.into(),
            admin::delete::Refusal::StepUp(required) => required.into(),
            admin::delete::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::invite::Refusal> for Problem {
    fn from(refusal: admin::invite::Refusal) -> Self {
        match refusal {
            admin::invite::Refusal::EmailTaken => email_taken(),
            admin::invite::Refusal::Tier(refused) => refused.into(),
            admin::invite::Refusal::StepUp(required) => required.into(),
            admin::invite::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::reset_password::Refusal> for Problem {
    fn from(refusal: admin::reset_password::Refusal) -> Self {
        match refusal {
            admin::reset_password::Refusal::NotFound => not_found("user"),
            admin::reset_password::Refusal::StepUp(required) => required.into(),
            admin::reset_password::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::reset_factors::Refusal> for Problem {
    fn from(refusal: admin::reset_factors::Refusal) -> Self {
        match refusal {
            admin::reset_factors::Refusal::NotFound => not_found("user"),
            admin::reset_factors::Refusal::Own => Self::of(Kind::OWN_FACTORS),
            admin::reset_factors::Refusal::StepUp(required) => required.into(),
            admin::reset_factors::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}
