//! What these operations refuse, and as which problems.

use inwren_domain::service::{NotCreated, auth};

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

impl From<auth::register::Refusal> for Problem {
    fn from(refusal: auth::register::Refusal) -> Self {
        match refusal {
            auth::register::Refusal::NotCreated(NotCreated::EmailTaken) => email_taken(),
            auth::register::Refusal::NotCreated(NotCreated::WeakPassword(weak)) => {
                weak_password("/password", weak)
            }
            auth::register::Refusal::Tier(refused) => refused.into(),
        }
    }
}

impl From<auth::login::Refusal> for Problem {
    fn from(_: auth::login::Refusal) -> Self {
        invalid_credentials()
    }
}

impl From<auth::refresh::Refusal> for Problem {
    fn from(_: auth::refresh::Refusal) -> Self {
        invalid_token()
    }
}
