//! What these operations refuse, and as which problems.

use inwren_domain::account::{self, NotCreated};
use inwren_domain::{authn, session};

use crate::http::problem::Problem;
use crate::http::refusals::{email_taken, invalid_credentials, invalid_token, weak_password};
use crate::http::responses::problems;

problems! {
    Register = ALWAYS BODY JSON [TIER_NOT_SELF_SERVICE EMAIL_TAKEN RATE_LIMITED];
    Login = ALWAYS BODY JSON [INVALID_CREDENTIALS RATE_LIMITED];
    Refresh = ALWAYS BODY JSON [INVALID_TOKEN RATE_LIMITED];
    /// What the standard has no code for.
    AccessToken = ALWAYS BODY [RATE_LIMITED];
    Revoke = ALWAYS BODY [RATE_LIMITED];
    Introspect = ALWAYS SUPERUSER BODY [INVALID_CLIENT RATE_LIMITED];
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

impl From<authn::login::Refusal> for Problem {
    fn from(_: authn::login::Refusal) -> Self {
        invalid_credentials()
    }
}

impl From<session::refresh::Refusal> for Problem {
    fn from(_: session::refresh::Refusal) -> Self {
        invalid_token()
    }
}
