//! Maps the refusals of these operations to problems.

use inwren_domain::account::{self, NotCreated};

use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::{email_taken, invalid_token, weak_password};
use crate::http::shared::responses::problems;

problems! {
    Update = ALWAYS TOKEN BODY JSON [STEP_UP_REQUIRED TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED];
    Delete = ALWAYS TOKEN [STEP_UP_REQUIRED LAST_SUPERUSER RATE_LIMITED];
}

impl From<account::update::Refusal> for Problem {
    fn from(refusal: account::update::Refusal) -> Self {
        match refusal {
            account::update::Refusal::EmailTaken => email_taken(),
            account::update::Refusal::Tier(refused) => refused.into(),
            account::update::Refusal::StepUp(required) => required.into(),
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
    Register = ALWAYS BODY JSON [TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED];
}

impl From<account::register::Refusal> for Problem {
    fn from(refusal: account::register::Refusal) -> Self {
        match refusal {
            account::register::Refusal::NotCreated(NotCreated::EmailTaken) => email_taken(),
            account::register::Refusal::NotCreated(NotCreated::WeakPassword(weak)) => {
                weak_password("/password", weak)
            }
            account::register::Refusal::Tier(refused) => refused.into(),
        }
    }
}
