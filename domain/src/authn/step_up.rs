//! Step-up authentication: how recent an authentication must be for a sensitive change (RFC 9470; OWASP ASVS 5.0,
//! 7.5.1).

use time::{Duration, OffsetDateTime};

/// The authentication is too old: the user has to log in again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a more recent authentication is required")]
pub struct StepUpRequired {
    /// The maximum age.
    pub max_age: Duration,
}

/// Checks that the user authenticated at most `max_age` ago. Zero disables the check.
pub fn require_recent(
    authenticated_at: OffsetDateTime,
    now: OffsetDateTime,
    max_age: Duration,
) -> Result<(), StepUpRequired> {
    if max_age.is_zero() || now - authenticated_at <= max_age {
        Ok(())
    } else {
        Err(StepUpRequired { max_age })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_age_is_allowed_up_to_and_with_the_maximum() {
        let then = OffsetDateTime::UNIX_EPOCH;
        let max_age = Duration::minutes(15);
        assert_eq!(require_recent(then, then + max_age, max_age), Ok(()));
        let late = then + max_age + Duration::SECOND;
        assert_eq!(require_recent(then, late, max_age), Err(StepUpRequired { max_age }));
        assert_eq!(require_recent(then, late, Duration::ZERO), Ok(()));
    }
}
