use std::fmt;

use time::OffsetDateTime;

use crate::account::{Tier, User};
use crate::credential::{Account, PasswordHash};
use crate::factor::{Factor, TotpSecret, parse_secret};
use crate::kernel::{Email, TokenDigest, UserId};

/// A user to import. `None` means that the source does not say: a new user gets the default, and an existing user keeps
/// the value.
#[derive(Clone, Debug)]
pub struct Incoming {
    /// Where the user was found, for messages: `line 7`, `row 0192…`.
    pub place: String,
    /// The id.
    pub id: UserId,
    /// The address.
    pub email: Email,
    /// The password.
    pub password: IncomingPassword,
    /// Whether the user may log in.
    pub is_active: bool,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
    /// The tier. It may not be configured.
    pub tier: Option<String>,
    /// When the user registered.
    pub created_at: Option<OffsetDateTime>,
    /// When the row last changed.
    pub updated_at: Option<OffsetDateTime>,
    /// When the user proved to control the mailbox of the address. `None` leaves a new user unverified.
    pub email_verified_at: Option<OffsetDateTime>,
    /// How often the password was changed at the source.
    pub credential_version: Option<i64>,
    /// The second factors of a new user. An existing user keeps those that it has.
    pub factors: Vec<IncomingFactor>,
    /// The digests of the recovery codes of a new user with factors.
    pub recovery_codes: Vec<TokenDigest>,
}

/// The password of a user to import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IncomingPassword {
    /// Its hash.
    Hash(PasswordHash),
    /// The user has none.
    None,
    /// The source does not say.
    Unsaid,
}

/// A second factor of a user to import.
#[derive(Clone, Debug)]
pub struct IncomingFactor {
    /// The factor.
    pub factor: Factor,
    /// The secret of an authenticator app, if the source has it in plaintext. Then the sealed one counts for nothing.
    pub secret: Option<ClearSecret>,
}

/// The secret of an authenticator app in plaintext. The debug form hides it.
#[derive(Clone)]
pub struct ClearSecret(pub(super) TotpSecret);

impl ClearSecret {
    /// Reads a secret in base32.
    pub fn parse(text: &str) -> Option<Self> {
        parse_secret(text).map(Self)
    }
}

impl fmt::Debug for ClearSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClearSecret(…)")
    }
}

/// A user to import whose tier and password are accepted.
#[derive(Debug)]
pub(super) struct Vetted<'a> {
    pub(super) incoming: &'a Incoming,
    pub(super) password: IncomingPassword,
    pub(super) tier: Option<Tier>,
    pub(super) created_at: Option<OffsetDateTime>,
    pub(super) updated_at: Option<OffsetDateTime>,
    pub(super) email_verified_at: Option<OffsetDateTime>,
}

impl Vetted<'_> {
    /// Creates the account of a user with these factors.
    pub(super) fn new_account(
        &self,
        default_tier: &Tier,
        factors: &[Factor],
        now: OffsetDateTime,
    ) -> Account {
        let created_at = self.created_at.or(self.updated_at).unwrap_or(now);
        let user = User {
            id: self.incoming.id,
            email: self.incoming.email.clone(),
            is_active: self.incoming.is_active,
            is_superuser: self.incoming.is_superuser,
            tier: self.tier.clone().unwrap_or_else(|| default_tier.clone()),
            created_at,
            updated_at: self.updated_at.unwrap_or(created_at),
            email_verified_at: self.email_verified_at,
            email_undeliverable_at: None,
            locale: None,
            credential_version: self.incoming.credential_version.unwrap_or(0),
            sessions_epoch: 0,
            highest_acr: Factor::highest_acr(factors),
        };
        Account { user, password: self.password_after(None) }
    }

    /// The password after the import, for an account that has `current`.
    fn password_after(&self, current: Option<&PasswordHash>) -> Option<PasswordHash> {
        match &self.password {
            IncomingPassword::Hash(hash) => Some(hash.clone()),
            IncomingPassword::None => None,
            IncomingPassword::Unsaid => current.cloned(),
        }
    }

    /// The names of the fields in which the existing user differs from the imported one.
    ///
    /// It ignores `credential_version`, which each side counts for itself, and factors, which the existing user keeps.
    pub(super) fn differences(&self, account: &Account) -> Vec<&'static str> {
        let (came, current) = (self.incoming, &account.user);
        let password = account.password.as_ref();
        [
            ("email", came.email.as_str() != current.email.as_str()),
            ("hashed_password", self.password_after(password).as_ref() != password),
            ("is_active", came.is_active != current.is_active),
            ("is_superuser", came.is_superuser != current.is_superuser),
            ("tier", self.tier.as_ref().is_some_and(|tier| *tier != current.tier)),
            ("created_at", self.created_at.is_some_and(|at| at != current.created_at)),
            (
                "email_verified_at",
                self.email_verified_at.is_some() && self.email_verified_at != current.email_verified_at,
            ),
            ("updated_at", self.updated_at.is_some_and(|at| at != current.updated_at)),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }

    /// The existing account, overwritten with the imported values.
    pub(super) fn applied_to(&self, account: &Account, now: OffsetDateTime) -> Account {
        let current = &account.user;
        let password = self.password_after(account.password.as_ref());
        let takes_access = password != account.password
            || self.incoming.email.as_str() != current.email.as_str()
            || (current.is_active && !self.incoming.is_active)
            || (current.is_superuser && !self.incoming.is_superuser);
        // The version only grows, so that a login that verified the old hash starts no session, and tokens of the
        // legacy service end.
        let version = current.credential_version;
        let version = if takes_access { User::next_credential_version(version) } else { version };
        let verified_at = self.email_verified_at;
        let same_email = self.incoming.email == current.email;
        let user = User {
            id: current.id,
            email: self.incoming.email.clone(),
            is_active: self.incoming.is_active,
            is_superuser: self.incoming.is_superuser,
            tier: self.tier.as_ref().unwrap_or(&current.tier).clone(),
            created_at: self.created_at.unwrap_or(current.created_at),
            updated_at: self.updated_at.unwrap_or(now),
            email_verified_at: verified_at.or(current.email_verified_at.filter(|_| same_email)),
            email_undeliverable_at: current.email_undeliverable_at.filter(|_| same_email),
            locale: current.locale.clone(),
            credential_version: version.max(self.incoming.credential_version.unwrap_or(version)),
            sessions_epoch: current.sessions_epoch,
            highest_acr: current.highest_acr,
        };
        Account { user, password }
    }
}
