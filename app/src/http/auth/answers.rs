//! What these operations refuse, and as which problems.

use inwren_domain::service::{NotCreated, auth};

use crate::http::problem::Problem;
use crate::http::refusals::{email_taken, invalid_credentials, invalid_token, weak_password};

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
