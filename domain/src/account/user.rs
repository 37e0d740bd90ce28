use time::OffsetDateTime;

use super::Tier;
use crate::authn::Acr;
use crate::kernel::{Email, Locale, UserId, normalize_prefix};

/// A user account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// Identifies the user permanently.
    pub id: UserId,
    /// The login name, unique in its normalised form.
    pub email: Email,
    /// Whether the user may log in. A deactivated user stays in the store and keeps the address.
    pub is_active: bool,
    /// Whether the user is a superuser, who may administer other users.
    pub is_superuser: bool,
    /// The service tier, which other services read from the token.
    pub tier: Tier,
    /// When the user registered.
    pub created_at: OffsetDateTime,
    /// When the row last changed.
    pub updated_at: OffsetDateTime,
    /// When the user proved to control the mailbox of the address; `None` if that is not proven.
    pub email_verified_at: Option<OffsetDateTime>,
    /// When a mail server refused the address for ever; `None` if none did, or a later letter was delivered.
    pub email_undeliverable_at: Option<OffsetDateTime>,
    /// The language of letters; `None` if it is unknown.
    pub locale: Option<Locale>,
    /// Counts changes of the password and of second factors, and revocations of all legacy tokens. A login that
    /// verified an older version starts no session; links, challenges and trusted devices of an older version are void.
    pub credential_version: i64,
    /// Counts how often all sessions of the user were ended. A session with a different
    /// [`epoch`](crate::session::Session::epoch) has ended, so one write ends any number of sessions.
    ///
    /// It is a counter and not a time. With skewed clocks, times from several instances cannot order a login and the
    /// end of all sessions within the same moment, and they would not spare the session that ends all others.
    pub sessions_epoch: i64,
    /// The highest assurance that the user can reach: above [`Acr::Aal1`] if the user has a second factor.
    pub highest_acr: Acr,
}

impl User {
    /// Whether the user has a second factor, so that a password alone is not enough.
    pub fn has_factor(&self) -> bool {
        self.highest_acr > Acr::Aal1
    }

    /// The version after a password change. It always differs, even after the highest number that a store keeps.
    pub const fn next_credential_version(version: i64) -> i64 {
        version.wrapping_add(1)
    }
}

/// The requested changes to a user; `None` keeps the value.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UserChange {
    /// The new address. It also clears [`User::email_undeliverable_at`].
    pub email: Option<Email>,
    /// When the address was verified, or that it is not.
    pub email_verified_at: Option<Option<OffsetDateTime>>,
    /// The new tier.
    pub tier: Option<Tier>,
    /// Activate or deactivate.
    pub is_active: Option<bool>,
    /// Grant or revoke the superuser right.
    pub is_superuser: Option<bool>,
}

impl UserChange {
    /// Reduces the change to what differs from the current user.
    #[must_use]
    pub fn against(self, user: &User) -> Self {
        // The same spelling can have a new normalised form, which the update then stores.
        let email = self.email.filter(|email| email.as_str() != user.email.as_str() || *email != user.email);
        let is_other = email.as_ref().is_some_and(|email| *email != user.email);
        let email_verified_at = self.email_verified_at.or(is_other.then_some(None));
        Self {
            email,
            email_verified_at: email_verified_at.filter(|at| *at != user.email_verified_at),
            tier: self.tier.filter(|tier| *tier != user.tier),
            is_active: self.is_active.filter(|active| *active != user.is_active),
            is_superuser: self.is_superuser.filter(|superuser| *superuser != user.is_superuser),
        }
    }

    /// Whether the change is empty.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Whether the change revokes rights, so that the sessions that started with them must end.
    pub fn takes_rights(&self) -> bool {
        self.is_active == Some(false) || self.is_superuser == Some(false)
    }

    /// The user after the change.
    #[must_use]
    pub fn applied_to(&self, user: &User, at: OffsetDateTime) -> User {
        User {
            email: self.email.clone().unwrap_or_else(|| user.email.clone()),
            email_verified_at: self.email_verified_at.unwrap_or(user.email_verified_at),
            email_undeliverable_at: user.email_undeliverable_at.filter(|_| self.email.is_none()),
            tier: self.tier.clone().unwrap_or_else(|| user.tier.clone()),
            is_active: self.is_active.unwrap_or(user.is_active),
            is_superuser: self.is_superuser.unwrap_or(user.is_superuser),
            updated_at: at,
            ..user.clone()
        }
    }
}

/// Selects the users of a listing; `None` matches all.
#[derive(Clone, Debug, Default)]
pub struct UserFilter {
    email_prefix: Option<String>,
    /// Only users of this tier.
    pub tier: Option<Tier>,
    /// Only active, or only inactive users.
    pub is_active: Option<bool>,
    /// Only superusers, or only plain users.
    pub is_superuser: Option<bool>,
}

impl UserFilter {
    /// Matches only users whose normalised address has this prefix; an empty text matches all.
    #[must_use]
    pub fn with_email_prefix(mut self, prefix: &str) -> Self {
        self.email_prefix = Some(normalize_prefix(prefix)).filter(|prefix| !prefix.is_empty());
        self
    }

    /// The normalised prefix that the addresses must have.
    pub fn email_prefix(&self) -> Option<&str> {
        self.email_prefix.as_deref()
    }

    /// Whether the listing is in the order of the addresses, and not by age.
    pub fn is_by_address(&self) -> bool {
        self.email_prefix.is_some()
    }

    /// Whether the filter matches this user.
    pub fn matches(&self, user: &User) -> bool {
        self.email_prefix.as_ref().is_none_or(|prefix| user.email.normalized().starts_with(prefix))
            && self.tier.as_ref().is_none_or(|tier| user.tier == *tier)
            && self.is_active.is_none_or(|active| user.is_active == active)
            && self.is_superuser.is_none_or(|superuser| user.is_superuser == superuser)
    }
}
