use super::{Evidence, NeedsFactor, Proven, client_trust};
use crate::account::User;
use crate::credential::{Account, HasherError, Password, PasswordHash, Requester, Verification};
use crate::kernel::{ClientInfo, Email, PlainToken, UserId};
use crate::trusted_device::TrustedDevice;
use crate::{Core, Failure, PortFailure};

/// A login attempt: the account that the client named, if it exists, and the evidence so far.
///
/// Every refusal costs the same: two reads and one password verification, against a dummy hash if there is no account.
#[derive(Debug)]
pub struct Attempt {
    account: Option<Account>,
    requester: Requester,
    evidence: Vec<Evidence>,
    rehashed: Option<PasswordHash>,
}

/// Why an attempt failed. The client receives the same response for an unknown address, a wrong password and an
/// inactive account (OWASP ASVS 5.0, 6.3.8); the reason and the account are for the log only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// No user has this address.
    #[error("unknown address")]
    UnknownEmail,
    /// The password is wrong.
    #[error("wrong password")]
    WrongPassword(UserId),
    /// The account is deactivated. The attempt reports it only after verifying the password.
    #[error("deactivated account")]
    Inactive(UserId),
    /// The stored hash cannot be verified: another service created it, in a form or at a cost that is not accepted.
    #[error("unusable password hash: {1}")]
    UnusableHash(UserId, &'static str),
}

impl Refusal {
    /// The user that the refusal is about.
    pub fn user(self) -> Option<UserId> {
        match self {
            Self::UnknownEmail => None,
            Self::WrongPassword(user) | Self::Inactive(user) | Self::UnusableHash(user, _) => Some(user),
        }
    }
}

impl Attempt {
    /// Starts an attempt: looks up the account and the client trust.
    pub async fn start(core: &Core, email: &Email, client: &ClientInfo) -> Result<Self, PortFailure> {
        let mut view = core.store.read().await?;
        let account = view.credentials().by_login(email).await?;
        let email = account.as_ref().map_or(email, |account| &account.user.email);
        let addresses = view.sessions().recent_addresses(email, client_trust::REMEMBERED_SESSIONS).await?;
        let requester = Requester::new(client, client_trust::of(client, &addresses));
        Ok(Self { account, requester, evidence: Vec::new(), rehashed: None })
    }

    /// Verifies the password.
    pub async fn password(mut self, core: &Core, password: Password) -> Result<Self, Failure<Refusal>> {
        let verification = self.verify(core, password).await?;
        let user = match &self.account {
            Some(account) => &account.user,
            None => return Err(Failure::Refused(Refusal::UnknownEmail)),
        };
        let Verification::Match { rehashed } = verification else {
            return Err(Failure::Refused(Refusal::WrongPassword(user.id)));
        };
        if !user.is_active {
            return Err(Failure::Refused(Refusal::Inactive(user.id)));
        }
        self.rehashed = rehashed;
        self.evidence.push(Evidence::Password);
        Ok(self)
    }

    /// Accepts the token of a trusted device in place of the second factor. Another token is ignored.
    pub async fn device(mut self, core: &Core, token: &PlainToken) -> Result<Self, PortFailure> {
        let (now, lifetime) = (core.clock.now(), core.settings.factors.trusted_device_lifetime);
        let is_enabled = lifetime.is_positive();
        let Some(user) = self.user().filter(|user| is_enabled && user.has_factor()) else { return Ok(self) };
        let digest = core.verifier.digest(token);
        let found = core.store.read().await?.trusted_devices().by_digest(&digest).await?;
        // The operator may have shortened the lifetime.
        let is_trusted =
            |device: &TrustedDevice| device.is_trusted(user, now) && now < device.created_at + lifetime;
        if found.is_some_and(|device| is_trusted(&device)) {
            self.evidence.push(Evidence::TrustedDevice);
        }
        Ok(self)
    }

    /// The user, if the password was verified.
    pub(crate) fn into_user(self) -> Option<User> {
        let is_verified = self.evidence.contains(&Evidence::Password);
        self.account.map(|account| account.user).filter(|_| is_verified)
    }

    /// Decides whether the evidence is sufficient. An attempt whose password was not verified proves nothing.
    pub fn conclude(self) -> Result<Proven, Option<Box<NeedsFactor>>> {
        let Self { account, requester: _, evidence, rehashed } = self;
        let Some(Account { user, .. }) = account else { return Err(None) };
        match Proven::by(&user, &evidence) {
            Some(proven) => Ok(proven.with_rehashed(rehashed)),
            None if evidence.contains(&Evidence::Password) => {
                Err(Some(Box::new(NeedsFactor::new(user, rehashed))))
            }
            None => Err(None),
        }
    }

    fn user(&self) -> Option<&User> {
        self.account.as_ref().map(|account| &account.user)
    }

    /// Verifies the password. It rehashes only for active users: the cost of a new hash would reveal that an account is
    /// deactivated.
    async fn verify(&self, core: &Core, password: Password) -> Result<Verification, Failure<Refusal>> {
        let hash = self.account.as_ref().and_then(|account| account.password.clone());
        let verified = match (&self.account, hash) {
            (Some(account), Some(hash)) if !account.user.is_active => {
                let checked = core.hasher.check(password, hash, self.requester).await;
                checked.map(|is_right| {
                    if is_right { Verification::Match { rehashed: None } } else { Verification::Mismatch }
                })
            }
            (_, hash) => core.hasher.verify(password, hash, self.requester).await,
        };
        match (verified, &self.account) {
            (Err(HasherError::Unusable(why)), Some(account)) => {
                Err(Failure::Refused(Refusal::UnusableHash(account.user.id, why)))
            }
            (verified, _) => Ok(verified?),
        }
    }
}
