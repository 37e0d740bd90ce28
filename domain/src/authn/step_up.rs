//! Step-up authentication: how recent and how strong an authentication must be for a sensitive change (RFC 9470; OWASP
//! ASVS 5.0, 7.5.1).

use time::{Duration, OffsetDateTime};

use super::Acr;

/// The authentication is too old or too weak: the user has to authenticate again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a more recent or a stronger authentication is required")]
pub struct StepUpRequired {
    /// The maximum age. Zero allows any.
    pub max_age: Duration,
    /// The least assurance; `None` if the user has no second factor.
    pub acr: Option<Acr>,
}

/// An authentication: when and how strongly.
#[derive(Clone, Copy, Debug)]
pub struct Authentication {
    /// When.
    pub at: OffsetDateTime,
    /// How strongly.
    pub acr: Acr,
}

impl StepUpRequired {
    /// Whether the authentication satisfies the requirement.
    pub fn is_met_by(&self, authentication: Authentication, now: OffsetDateTime) -> bool {
        let is_recent = self.max_age.is_zero() || now - authentication.at <= self.max_age;
        is_recent && self.acr.is_none_or(|acr| authentication.acr >= acr)
    }

    /// Checks the authentication.
    pub fn check(self, authentication: Authentication, now: OffsetDateTime) -> Result<(), Self> {
        if self.is_met_by(authentication, now) { Ok(()) } else { Err(self) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MAX_AGE: Duration = Duration::minutes(15);

    #[test]
    fn the_age_is_allowed_up_to_and_with_the_maximum() {
        let at = OffsetDateTime::UNIX_EPOCH;
        let authentication = Authentication { at, acr: Acr::Aal1 };
        let required = StepUpRequired { max_age: MAX_AGE, acr: None };
        assert_eq!(required.check(authentication, at + MAX_AGE), Ok(()));
        let late = at + MAX_AGE + Duration::SECOND;
        assert_eq!(required.check(authentication, late), Err(required));
        let ageless = StepUpRequired { max_age: Duration::ZERO, acr: None };
        assert_eq!(ageless.check(authentication, late), Ok(()));
    }

    #[test]
    fn a_weak_authentication_is_never_enough() {
        let at = OffsetDateTime::UNIX_EPOCH;
        for max_age in [MAX_AGE, Duration::ZERO] {
            let required = StepUpRequired { max_age, acr: Some(Acr::Aal2) };
            assert_eq!(required.check(Authentication { at, acr: Acr::Aal1 }, at), Err(required));
            assert_eq!(required.check(Authentication { at, acr: Acr::Phr }, at), Ok(()));
        }
    }
}
