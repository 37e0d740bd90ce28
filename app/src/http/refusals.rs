//! What the refusals of the core look like from outside.

use inwren_domain::model::InvalidEmail;
use inwren_domain::policy::password::WeakPassword;
use inwren_domain::policy::step_up::StepUpRequired;
use inwren_domain::policy::superuser::LastSuperuser;
use inwren_domain::policy::tier::TierRefused;
use inwren_domain::service::{NotCreated, account, admin, auth};
use poem::http::{HeaderValue, header};

use super::problem::{Kind, Problem};

/// The challenge that names no error (RFC 6750 section 3, which asks for one parameter at least).
pub(super) const BEARER_CHALLENGE: &str = r#"Bearer realm="inwren""#;

/// The password of the request, wherever it stands.
fn weak_password(pointer: &str, weak: WeakPassword) -> Problem {
    Problem::invalid(pointer, weak)
}

fn email_taken() -> Problem {
    Problem::of(Kind::EMAIL_TAKEN)
}

/// One answer for all refused logins.
pub(super) fn invalid_credentials() -> Problem {
    Problem::of(Kind::INVALID_CREDENTIALS)
        .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
}

/// A token that is not valid, for whatever reason (RFC 6750 section 3.1).
pub(super) fn invalid_token() -> Problem {
    const CHALLENGE: &str = r#"Bearer error="invalid_token", error_description="The token is not valid""#;
    Problem::of(Kind::INVALID_TOKEN).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
}

/// No such thing, or none that the caller may know of.
pub(super) fn not_found(what: &str) -> Problem {
    Problem::new(Kind::NOT_FOUND, format!("There is no such {what}."))
}

/// Somebody is known, but may not.
pub(super) fn not_permitted() -> Problem {
    const CHALLENGE: &str = r#"Bearer error="insufficient_scope""#;
    Problem::of(Kind::NOT_PERMITTED).header(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE))
}

/// Wherever a body has an address, it is called so.
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

/// RFC 9470 section 3.
impl From<StepUpRequired> for Problem {
    fn from(required: StepUpRequired) -> Self {
        let max_age = required.max_age.whole_seconds();
        let challenge = format!(
            r#"Bearer error="insufficient_user_authentication", error_description="A more recent authentication is needed", max_age="{max_age}""#
        );
        let problem = Self::new(
            Kind::STEP_UP_REQUIRED,
            format!(
                "This needs a login that is at most {max_age} seconds old. Log in again and repeat the request."
            ),
        );
        match HeaderValue::from_str(&challenge) {
            Ok(challenge) => problem.header(header::WWW_AUTHENTICATE, challenge),
            Err(_) => problem,
        }
    }
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

impl From<account::change_password::Refusal> for Problem {
    fn from(refusal: account::change_password::Refusal) -> Self {
        match refusal {
            account::change_password::Refusal::StepUp(required) => required.into(),
            account::change_password::Refusal::WrongPassword => {
                Self::new(Kind::INVALID_CREDENTIALS, "The current password is wrong.")
                    .header(header::WWW_AUTHENTICATE, HeaderValue::from_static(BEARER_CHALLENGE))
            }
            account::change_password::Refusal::WeakPassword(weak) => weak_password("/new_password", weak),
            account::change_password::Refusal::Overtaken => invalid_token(),
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

impl From<account::sessions::Refusal> for Problem {
    fn from(refusal: account::sessions::Refusal) -> Self {
        match refusal {
            account::sessions::Refusal::NotFound => not_found("session"),
            account::sessions::Refusal::Overtaken => invalid_token(),
        }
    }
}

impl From<account::sessions::Overtaken> for Problem {
    fn from(_: account::sessions::Overtaken) -> Self {
        invalid_token()
    }
}

impl From<admin::NotFound> for Problem {
    fn from(_: admin::NotFound) -> Self {
        not_found("user")
    }
}

impl From<admin::sessions::Refusal> for Problem {
    fn from(refusal: admin::sessions::Refusal) -> Self {
        match refusal {
            admin::sessions::Refusal::NotFound => not_found("user"),
            admin::sessions::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::Unconfirmed> for Problem {
    fn from(unconfirmed: admin::Unconfirmed) -> Self {
        match unconfirmed {
            admin::Unconfirmed::NotPermitted => not_permitted(),
            admin::Unconfirmed::Overtaken => invalid_token(),
        }
    }
}

impl From<admin::update::Refusal> for Problem {
    fn from(refusal: admin::update::Refusal) -> Self {
        match refusal {
            admin::update::Refusal::NotFound => not_found("user"),
            admin::update::Refusal::EmailTaken => email_taken(),
            admin::update::Refusal::Tier(refused) => refused.into(),
            admin::update::Refusal::LastSuperuser(last) => last.into(),
            admin::update::Refusal::StepUp(required) => required.into(),
            admin::update::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}

impl From<admin::delete::Refusal> for Problem {
    fn from(refusal: admin::delete::Refusal) -> Self {
        match refusal {
            admin::delete::Refusal::NotFound => not_found("user"),
            admin::delete::Refusal::LastSuperuser(last) => last.into(),
            admin::delete::Refusal::StepUp(required) => required.into(),
            admin::delete::Refusal::Unconfirmed(unconfirmed) => unconfirmed.into(),
        }
    }
}
