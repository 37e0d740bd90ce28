//! What these operations refuse, and as which problems.

use inwren_domain::{account, credential, session};
use poem::http::{HeaderValue, header};

use crate::http::problem::{Kind, Problem};
use crate::http::refusals::{BEARER_CHALLENGE, email_taken, invalid_token, not_found, weak_password};
use crate::http::responses::problems;

problems! {
    Update = ALWAYS TOKEN BODY JSON [STEP_UP_REQUIRED TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED];
    ChangePassword = ALWAYS TOKEN BODY JSON [INVALID_CREDENTIALS STEP_UP_REQUIRED RATE_LIMITED];
    Delete = ALWAYS TOKEN [STEP_UP_REQUIRED LAST_SUPERUSER RATE_LIMITED];
    Sessions = ALWAYS TOKEN [VALIDATION_FAILED RATE_LIMITED];
    RevokeSession = ALWAYS TOKEN [NOT_FOUND VALIDATION_FAILED RATE_LIMITED];
}

impl From<account::update::Refusal> for Problem {
    fn from(refusal: account::update::Refusal) -> Self {
        match refusal {
            account::update::Refusal::EmailTaken => email_taken(),
            account::update::Refusal::Tier(refused) => refused.into(),
            account::update::Refusal::StepUp(required) => required.into(),
            account::update::Refusal::Overtaken => invalid_token(),
        }
    }
}

impl From<credential::change_password::Refusal> for Problem {
    fn from(refusal: credential::change_password::Refusal) -> Self {
        match refusal {
            credential::change_password::Refusal::StepUp(required) => required.into(),
            credential::change_password::Refusal::WrongPassword => {
                Self::new(Kind::INVALID_CREDENTIALS, "The current password is wrong.")
                    .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
            }
            credential::change_password::Refusal::WeakPassword(weak) => weak_password("/new_password", weak),
            credential::change_password::Refusal::Overtaken => invalid_token(),
        }
    }
}

impl From<account::deactivate::Refusal> for Problem {
    fn from(refusal: account::deactivate::Refusal) -> Self {
        match refusal {
            account::deactivate::Refusal::StepUp(required) => required.into(),
            account::deactivate::Refusal::LastSuperuser(last) => last.into(),
            account::deactivate::Refusal::Overtaken => invalid_token(),
        }
    }
}

impl From<session::manage::Refusal> for Problem {
    fn from(refusal: session::manage::Refusal) -> Self {
        match refusal {
            session::manage::Refusal::NotFound => not_found("session"),
            session::manage::Refusal::Overtaken => invalid_token(),
        }
    }
}

impl From<session::manage::Overtaken> for Problem {
    fn from(_: session::manage::Overtaken) -> Self {
        invalid_token()
    }
}
