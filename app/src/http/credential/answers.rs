//! Maps the refusals of these operations to problems.

use inwren_domain::credential;
use poem::http::{HeaderValue, header};

use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{BEARER_CHALLENGE, invalid_token, weak_password};
use crate::http::shared::responses::problems;

problems! {
    ChangePassword = ALWAYS TOKEN BODY JSON [INVALID_CREDENTIALS STEP_UP_REQUIRED RATE_LIMITED];
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
            credential::change_password::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}
