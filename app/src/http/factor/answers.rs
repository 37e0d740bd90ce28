//! Maps the refusals of these operations to problems.

use inwren_domain::factor::{enrol, manage};
use poem_openapi::ApiResponse;

use super::dto::{EnrolledFactorDto, NewTotpDto};
use crate::http::shared::problem::{Kind, Problem};
use crate::http::shared::refusals::{invalid_token, not_found};
use crate::http::shared::responses::{Json, problems};
use crate::http::shared::second_factor::invalid_factor;

problems! {
    Rename = ALWAYS TOKEN BODY JSON [NOT_FOUND RATE_LIMITED];
    Remove = ALWAYS TOKEN [STEP_UP_REQUIRED NOT_FOUND FACTOR_REQUIRED VALIDATION_FAILED RATE_LIMITED];
    RecoveryCodes = ALWAYS TOKEN [STEP_UP_REQUIRED NO_FACTOR RATE_LIMITED];
    AddTotp = ALWAYS ENROLLING BODY JSON
        [STEP_UP_REQUIRED TOO_MANY_FACTORS RATE_LIMITED SECRET_KEY_NOT_CONFIGURED];
    ConfirmTotp = ALWAYS ENROLLING BODY JSON
        [INVALID_FACTOR STEP_UP_REQUIRED NOT_FOUND RATE_LIMITED SECRET_KEY_NOT_CONFIGURED];
    PasskeyOptions = ALWAYS ENROLLING
        [STEP_UP_REQUIRED TOO_MANY_FACTORS RATE_LIMITED PASSKEYS_NOT_AVAILABLE];
    AddPasskey = ALWAYS ENROLLING BODY JSON [
        STEP_UP_REQUIRED
        TOO_MANY_FACTORS
        PASSKEY_TAKEN
        CHALLENGE_OVER
        RATE_LIMITED
        PASSKEYS_NOT_AVAILABLE
    ];
}

/// Status 201 with an authenticator app that waits for its confirmation.
#[derive(ApiResponse)]
pub(super) enum TotpCreated {
    /// The secret is created. It counts when a code has confirmed it.
    #[oai(status = 201)]
    Created(Json<NewTotpDto>),
}

/// Status 201 with a factor.
#[derive(ApiResponse)]
pub(super) enum FactorCreated {
    /// The factor is enrolled.
    #[oai(status = 201)]
    Created(Json<EnrolledFactorDto>),
}

impl From<enrol::Refusal> for Problem {
    fn from(refusal: enrol::Refusal) -> Self {
        match refusal {
            enrol::Refusal::StepUp(required) => required.into(),
            enrol::Refusal::TooMany => Self::of(Kind::TOO_MANY_FACTORS),
            enrol::Refusal::NotFound => not_found("unconfirmed authenticator app"),
            enrol::Refusal::WrongCode => invalid_factor(None),
            enrol::Refusal::NotRelyingParty => Self::of(Kind::PASSKEYS_NOT_AVAILABLE),
            enrol::Refusal::ChallengeOver => Self::of(Kind::CHALLENGE_OVER),
            enrol::Refusal::InvalidPasskey(reason) => {
                tracing::info!(reason, "passkey refused");
                Self::invalid("/credential", "Field `credential` is not a valid answer to the options")
            }
            enrol::Refusal::PasskeyTaken => Self::of(Kind::PASSKEY_TAKEN),
            enrol::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

impl From<manage::Refusal> for Problem {
    fn from(refusal: manage::Refusal) -> Self {
        match refusal {
            manage::Refusal::StepUp(required) => required.into(),
            manage::Refusal::NotFound => not_found("factor"),
            manage::Refusal::Required => Self::of(Kind::FACTOR_REQUIRED),
            manage::Refusal::ChangedMeanwhile => invalid_token(),
        }
    }
}

/// The refusal of new recovery codes.
pub(super) struct NoRecoveryCodes(pub(super) manage::Refusal);

impl From<NoRecoveryCodes> for Problem {
    fn from(NoRecoveryCodes(refusal): NoRecoveryCodes) -> Self {
        match refusal {
            manage::Refusal::NotFound => Self::of(Kind::NO_FACTOR),
            other => other.into(),
        }
    }
}
