//! Problems that several parts of the interface share. The problems of single use cases are beside their routes.

use inwren_domain::account::superuser::LastSuperuser;
use inwren_domain::account::tier_choice::TierRefused;
use inwren_domain::authn::Acr;
use inwren_domain::authn::step_up::StepUpRequired;
use inwren_domain::credential::password_policy::WeakPassword;
use inwren_domain::kernel::InvalidEmail;
use poem::http::{HeaderValue, header};

use super::problem::{Kind, Problem};

/// The challenge without an error code. RFC 6750 section 3 requires at least one parameter.
pub(in crate::http) const BEARER_CHALLENGE: &str = r#"Bearer realm="inwren""#;

/// The password of the request is too weak. `pointer` names its field.
pub(in crate::http) fn weak_password(pointer: &str, weak: WeakPassword) -> Problem {
    Problem::invalid(pointer, weak)
}

pub(in crate::http) fn email_taken() -> Problem {
    Problem::of(Kind::EMAIL_TAKEN)
}

/// The same problem for all refused logins.
pub(in crate::http) fn invalid_credentials() -> Problem {
    Problem::of(Kind::INVALID_CREDENTIALS)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
}

/// The token is invalid, for whatever reason (RFC 6750 section 3.1).
pub(in crate::http) fn invalid_token() -> Problem {
    const CHALLENGE: &str = r#"Bearer error="invalid_token", error_description="The token is invalid""#;
    Problem::of(Kind::INVALID_TOKEN).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
}

/// The resource does not exist, or the caller may not know that it does.
pub(in crate::http) fn not_found(what: &str) -> Problem {
    Problem::new(Kind::NOT_FOUND, format!("The {what} does not exist."))
}

/// A field of the body is invalid, for a reason that does not name it.
pub(in crate::http) fn invalid_field(field: &str, reason: &str) -> Problem {
    Problem::invalid(&format!("/{field}"), format_args!("Field `{field}`: {reason}"))
}

/// The caller is authenticated but not authorised.
pub(in crate::http) fn not_permitted() -> Problem {
    const CHALLENGE: &str = r#"Bearer error="insufficient_scope""#;
    Problem::of(Kind::NOT_PERMITTED).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
}

/// The field of an address is called `email` in every body.
impl From<InvalidEmail> for Problem {
    fn from(invalid: InvalidEmail) -> Self {
        Self::invalid("/email", invalid)
    }
}

impl From<TierRefused> for Problem {
    fn from(refused: TierRefused) -> Self {
        match refused {
            TierRefused::Unknown => Self::invalid("/tier", refused),
            TierRefused::NotSelfService => Self::of(Kind::TIER_NOT_SELF_SERVICE),
        }
    }
}

impl From<LastSuperuser> for Problem {
    fn from(_: LastSuperuser) -> Self {
        Self::of(Kind::LAST_SUPERUSER)
    }
}

/// The challenge of RFC 9470 section 3.
impl From<StepUpRequired> for Problem {
    fn from(StepUpRequired { max_age, acr }: StepUpRequired) -> Self {
        const MEANING: &str = "A more recent or a stronger authentication is required";
        // Zero allows any age.
        let max_age = u32::try_from(max_age.whole_seconds()).ok().filter(|seconds| *seconds > 0);
        let mut challenge =
            format!(r#"Bearer error="insufficient_user_authentication", error_description="{MEANING}""#);
        let mut problem = Self::new(Kind::STEP_UP_REQUIRED, step_up_detail(max_age, acr));
        if let Some(acr) = acr {
            challenge += &format!(r#", acr_values="{acr}""#);
            problem = problem.member("acr_values", acr.as_str());
        }
        if let Some(seconds) = max_age {
            challenge += &format!(r#", max_age="{seconds}""#);
            problem = problem.member("max_age", seconds);
        }
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
}

fn step_up_detail(max_age: Option<u32>, acr: Option<Acr>) -> String {
    let mut login = String::from("a login");
    if acr.is_some() {
        login += " with a second factor";
    }
    if let Some(seconds) = max_age {
        login += &format!(" that is at most {seconds} seconds old");
    }
    format!(
        "This requires {login}. Step up with `POST /auth/step-up` or log in again, and repeat the request."
    )
}
