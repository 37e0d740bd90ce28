use time::{Duration, OffsetDateTime};

/// How many wrong codes of a kind a user may present within 24 hours, over all challenges. Only a client that knows the
/// password, has a session, or a link from the mailbox, can use a budget up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Budget {
    /// Codes of authenticator apps at login and step-up.
    Totp,
    /// Recovery codes at login and step-up.
    RecoveryCode,
    /// Codes of both kinds with links that set a new password.
    PasswordReset,
}

impl Budget {
    /// All budgets.
    pub const ALL: [Self; 3] = [Self::Totp, Self::RecoveryCode, Self::PasswordReset];
    /// How long a budget lasts. One that is used up is closed for as long from then on.
    pub const PERIOD: Duration = Duration::hours(24);

    /// The number of wrong codes.
    pub const fn limit(self) -> i16 {
        match self {
            Self::Totp | Self::RecoveryCode => 20,
            // Three links: each allows 20.
            Self::PasswordReset => 60,
        }
    }

    /// The name in the store.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Totp => "totp",
            Self::RecoveryCode => "recovery_code",
            Self::PasswordReset => "password_reset",
        }
    }
}

/// The state of a user's budget.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spent {
    /// Which budget it is.
    pub budget: Budget,
    /// Codes that were taken from it.
    pub taken: i16,
    /// When the first code was taken; after the last one, when that was taken.
    pub since: OffsetDateTime,
}

impl Spent {
    /// Whether the budget is used up. All stores share this rule.
    pub fn is_closed(&self, now: OffsetDateTime) -> bool {
        self.taken >= self.budget.limit() && now < self.since + Budget::PERIOD
    }

    /// The state after one more code is taken, from `current` if there is one. `None` if nothing is left. All stores
    /// share this rule.
    pub fn take(budget: Budget, current: Option<Self>, now: OffsetDateTime) -> Option<Self> {
        let running = current.filter(|current| now < current.since + Budget::PERIOD);
        let Some(running) = running else { return Some(Self { budget, taken: 1, since: now }) };
        if running.taken >= budget.limit() {
            return None;
        }
        let taken = running.taken + 1;
        let since = if taken == budget.limit() { now } else { running.since };
        Some(Self { budget, taken, since })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_up_budget_opens_after_a_day() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let mut spent = None;
        for minute in 0..20 {
            spent = Spent::take(Budget::Totp, spent, start + Duration::minutes(minute));
            assert!(spent.is_some(), "{minute}");
        }
        let last = start + Duration::minutes(19);
        let closed = spent.filter(|spent| spent.is_closed(last));
        assert_eq!(Spent::take(Budget::Totp, closed, last + Budget::PERIOD - Duration::SECOND), None);
        let opened = Spent::take(Budget::Totp, closed, last + Budget::PERIOD);
        assert_eq!(opened.map(|spent| spent.taken), Some(1));
    }

    #[test]
    fn budget_starts_again_a_day_after_its_first_code() {
        let start = OffsetDateTime::UNIX_EPOCH;
        let first = Spent::take(Budget::Totp, None, start);
        let second = Spent::take(Budget::Totp, first, start + Duration::hours(23));
        assert_eq!(second.map(|spent| (spent.taken, spent.since)), Some((2, start)));
        let third = Spent::take(Budget::Totp, second, start + Duration::hours(24));
        assert_eq!(third.map(|spent| spent.taken), Some(1));
    }
}
