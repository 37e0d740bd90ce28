//! Maps the refusals of these operations to problems.

use inwren_domain::authn::step_up::StepUpRequired;
use inwren_domain::authn::{Acr, factor_login, passkey_login, reauthenticate};
use inwren_domain::session::Principal;
use inwren_domain::{Core, Failure};
use poem::http::{HeaderValue, header};

use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{BEARER_CHALLENGE, invalid_credentials, invalid_token, not_found};
use crate::http::shared::responses::problems;
use crate::http::shared::second_factor::{closed_method, invalid_factor};

problems! {
    Login = ALWAYS BODY JSON [INVALID_CREDENTIALS SECOND_FACTOR_REQUIRED RATE_LIMITED];
    FactorLogin = ALWAYS BODY JSON [INVALID_FACTOR CHALLENGE_OVER RATE_LIMITED SECRET_KEY_NOT_CONFIGURED];
    PasskeyOptions = ALWAYS [RATE_LIMITED PASSKEYS_NOT_AVAILABLE];
    PasskeyLogin = ALWAYS BODY JSON
        [INVALID_CREDENTIALS CHALLENGE_OVER RATE_LIMITED PASSKEYS_NOT_AVAILABLE];
    StepUpOptions = ALWAYS ENROLLING [STEP_UP_REQUIRED NOT_FOUND RATE_LIMITED PASSKEYS_NOT_AVAILABLE];
    StepUp = ALWAYS ENROLLING BODY JSON [
        INVALID_CREDENTIALS
        INVALID_FACTOR
        STEP_UP_REQUIRED
        CHALLENGE_OVER
        RATE_LIMITED
        SECRET_KEY_NOT_CONFIGURED
    ];
}

impl From<factor_login::Refusal> for Problem {
    fn from(refusal: factor_login::Refusal) -> Self {
        match refusal {
            factor_login::Refusal::ChallengeOver => Self::of(Kind::CHALLENGE_OVER),
            factor_login::Refusal::Wrong { attempts_left, .. } => invalid_factor(Some(attempts_left)),
            factor_login::Refusal::Closed { attempts_left, .. } => closed_method(attempts_left),
        }
    }
}

impl From<passkey_login::NotRelyingParty> for Problem {
    fn from(_: passkey_login::NotRelyingParty) -> Self {
        Self::of(Kind::PASSKEYS_NOT_AVAILABLE)
    }
}

impl From<passkey_login::Refusal> for Problem {
    fn from(refusal: passkey_login::Refusal) -> Self {
        match refusal {
            passkey_login::Refusal::ChallengeOver => Self::of(Kind::CHALLENGE_OVER),
            passkey_login::Refusal::Wrong(_) => invalid_credentials(),
        }
    }
}

/// Maps why a step-up has no options.
pub(super) fn no_options(core: &Core, failure: Failure<reauthenticate::NoOptions>) -> Problem {
    match failure {
        Failure::Refused(reauthenticate::NoOptions::LoginNeeded) => login_needed(core).into(),
        Failure::Refused(reauthenticate::NoOptions::NoPasskey) => not_found("passkey"),
        Failure::Port(failure) => failure.into(),
    }
}

/// Maps why a step-up was refused.
pub(super) fn not_stepped_up(
    core: &Core,
    principal: &Principal,
    failure: Failure<reauthenticate::Refusal>,
) -> Problem {
    let refusal = match failure {
        Failure::Refused(refusal) => refusal,
        Failure::Port(failure) => return failure.into(),
    };
    match refusal {
        reauthenticate::Refusal::LoginNeeded => login_needed(core).into(),
        reauthenticate::Refusal::WrongPassword => {
            Problem::new(Kind::INVALID_CREDENTIALS, "The password is wrong.")
                .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
        }
        reauthenticate::Refusal::WrongFactor { attempts_left } => invalid_factor(attempts_left),
        reauthenticate::Refusal::Closed => closed_method(0),
        reauthenticate::Refusal::Insufficient => {
            let user = principal.user();
            let acr = user.has_factor().then_some(Acr::Aal2.min(user.highest_acr));
            StepUpRequired { acr, ..login_needed(core) }.into()
        }
        reauthenticate::Refusal::ChallengeOver => Problem::of(Kind::CHALLENGE_OVER),
        reauthenticate::Refusal::ChangedMeanwhile => invalid_token(),
    }
}

fn login_needed(core: &Core) -> StepUpRequired {
    StepUpRequired { max_age: core.settings.reauthentication_max_age, acr: None }
}
