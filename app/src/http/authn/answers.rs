//! Maps the refusals of these operations to problems.

use inwren_domain::authn;

use crate::http::shared::problem::Problem;
use crate::http::shared::refusals::invalid_credentials;
use crate::http::shared::responses::problems;

problems! {
    Login = ALWAYS BODY JSON [INVALID_CREDENTIALS RATE_LIMITED];
}

impl From<authn::login::Refusal> for Problem {
    fn from(_: authn::login::Refusal) -> Self {
        invalid_credentials()
    }
}
