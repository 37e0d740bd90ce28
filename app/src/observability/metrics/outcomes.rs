//! Counters of use case results. The use cases return results as values; their callers count them.

use inwren_domain::account::{NotCreated, register};
use inwren_domain::authn::{self, factor_login, login, passkey_login};
use inwren_domain::client::authenticate::NotAuthenticated as ClientNotAuthenticated;
use inwren_domain::credential::HasherError;
use inwren_domain::kernel::StoreError;
use inwren_domain::provider;
use inwren_domain::session::NotAuthenticated;
use inwren_domain::session::refresh::{self, Refreshed};
use inwren_domain::token::InvalidToken;
use inwren_domain::{Failure, PortFailure};

use super::counters::{Counters, Label, labels};
use super::text::Page;

labels! {
    /// The result of a registration.
    RegisterResult {
        /// The user is created.
        Succeeded = "succeeded",
        /// Another user has the address.
        EmailTaken = "email_taken",
        /// The password is too weak.
        WeakPassword = "weak_password",
        /// The tier does not exist, or users may not choose it.
        TierRefused = "tier_refused",
        /// Registration is not open to all.
        Closed = "closed",
        /// The service was overloaded.
        Busy = "busy",
        /// A dependency failed.
        Failed = "failed",
    }

    /// The result of a login.
    LoginResult {
        /// The session is created.
        Succeeded = "succeeded",
        /// No user has the address.
        UnknownEmail = "unknown_email",
        /// The password is wrong.
        WrongPassword = "wrong_password",
        /// The account is deactivated.
        Inactive = "inactive",
        /// The password is correct, and the account has a second factor.
        SecondFactorRequired = "second_factor_required",
        /// The code or the passkey is wrong.
        WrongFactor = "wrong_factor",
        /// The method is closed after too many wrong codes.
        MethodClosed = "method_closed",
        /// The challenge is unknown, used, expired or void.
        ChallengeOver = "challenge_over",
        /// The password or the account changed meanwhile.
        CredentialChanged = "credential_changed",
        /// The stored password hash is malformed or exceeds the limits.
        UnusableHash = "unusable_hash",
        /// The service was overloaded.
        Busy = "busy",
        /// A dependency failed.
        Failed = "failed",
    }

    /// The result of a refresh.
    RefreshOutcome {
        /// The token was exchanged for its successor.
        Rotated = "rotated",
        /// Within the grace period, the same successor was returned again.
        Raced = "raced",
        /// The token had been used already, so its session was ended.
        Reused = "reused",
        /// A change of the password replaced the token.
        Superseded = "superseded",
        /// The session has ended.
        Ended = "ended",
        /// The user is deactivated.
        Inactive = "inactive",
        /// There is no such session.
        Unknown = "unknown",
        /// Within the grace period, but the signing key has changed.
        NotRepeatable = "not_repeatable",
        /// The token is invalid or expired.
        Invalid = "invalid",
        /// The service was overloaded.
        Busy = "busy",
        /// A dependency failed.
        Failed = "failed",
    }

    /// Why an access token was rejected.
    AccessRefusal {
        /// The size, form or header is invalid.
        Malformed = "malformed",
        /// The signature is invalid.
        Signature = "signature",
        /// The claims are for another issuer, audience or purpose.
        Claims = "claims",
        /// The token is not valid yet.
        Early = "early",
        /// The token has expired.
        Expired = "expired",
        /// The session has ended.
        SessionEnded = "session_ended",
        /// The user is deactivated.
        Inactive = "inactive",
        /// The session may only enrol a second factor.
        MayOnlyEnrol = "may_only_enrol",
    }

    /// The result of a client's authentication.
    ClientResult {
        /// The client is authenticated.
        Succeeded = "succeeded",
        /// The client is unknown or disabled, or its credentials are wrong.
        Refused = "refused",
        /// A dependency failed.
        Failed = "failed",
    }
}

/// Counters of all results.
#[derive(Default)]
pub(crate) struct Outcomes {
    pub(crate) registrations: Counters<RegisterResult>,
    pub(crate) logins: Counters<LoginResult>,
    pub(crate) refreshes: Counters<RefreshOutcome>,
    pub(crate) access_refusals: Counters<AccessRefusal>,
    pub(crate) clients: Counters<ClientResult>,
}

impl Outcomes {
    pub(super) fn write(&self, page: &mut Page) {
        self.registrations.write(page, "inwren_registrations_total", "result", "Registrations, by result.");
        self.logins.write(
            page,
            "inwren_logins_total",
            "result",
            "Steps of logins that the limiter allowed, by result.",
        );
        self.refreshes.write(
            page,
            "inwren_refreshes_total",
            "outcome",
            "Refresh requests that the limiter allowed, by outcome.",
        );
        self.access_refusals.write(
            page,
            "inwren_access_tokens_refused_total",
            "reason",
            "Access tokens that the endpoints of this service refused, by reason.",
        );
        self.clients.write(
            page,
            "inwren_service_clients_total",
            "result",
            "Authentications of OAuth 2.0 clients, by result.",
        );
    }
}

/// Whether a port failed because of overload.
fn is_busy(failure: &PortFailure) -> bool {
    matches!(failure, PortFailure::Hasher(HasherError::Busy { .. }) | PortFailure::Store(StoreError::Busy(_)))
}

impl<T> From<&Result<T, Failure<register::Refusal>>> for RegisterResult {
    fn from(result: &Result<T, Failure<register::Refusal>>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Failure::Refused(register::Refusal::NotCreated(NotCreated::EmailTaken))) => Self::EmailTaken,
            Err(Failure::Refused(register::Refusal::NotCreated(NotCreated::WeakPassword(_)))) => {
                Self::WeakPassword
            }
            Err(Failure::Refused(register::Refusal::Tier(_))) => Self::TierRefused,
            Err(Failure::Refused(register::Refusal::Closed)) => Self::Closed,
            Err(Failure::Refused(register::Refusal::MailNotConfigured)) => Self::Failed,
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

impl<T> From<&Result<T, Failure<login::Refusal>>> for LoginResult {
    fn from(result: &Result<T, Failure<login::Refusal>>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Failure::Refused(login::Refusal::Attempt(refusal))) => match refusal {
                authn::Refusal::UnknownEmail => Self::UnknownEmail,
                authn::Refusal::WrongPassword(_) => Self::WrongPassword,
                authn::Refusal::Inactive(_) => Self::Inactive,
                authn::Refusal::UnusableHash(..) => Self::UnusableHash,
            },
            Err(Failure::Refused(login::Refusal::NeedsFactor(_))) => Self::SecondFactorRequired,
            Err(Failure::Refused(login::Refusal::ChangedMeanwhile(_))) => Self::CredentialChanged,
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

impl<T> From<&Result<T, Failure<factor_login::Refusal>>> for LoginResult {
    fn from(result: &Result<T, Failure<factor_login::Refusal>>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Failure::Refused(factor_login::Refusal::ChallengeOver)) => Self::ChallengeOver,
            Err(Failure::Refused(factor_login::Refusal::Wrong { .. })) => Self::WrongFactor,
            Err(Failure::Refused(factor_login::Refusal::Closed { .. })) => Self::MethodClosed,
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

impl<T> From<&Result<T, Failure<passkey_login::Refusal>>> for LoginResult {
    fn from(result: &Result<T, Failure<passkey_login::Refusal>>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Failure::Refused(passkey_login::Refusal::ChallengeOver)) => Self::ChallengeOver,
            Err(Failure::Refused(passkey_login::Refusal::Wrong(_))) => Self::WrongFactor,
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

impl From<&Result<Refreshed, Failure<refresh::Refusal>>> for RefreshOutcome {
    fn from(result: &Result<Refreshed, Failure<refresh::Refusal>>) -> Self {
        match result {
            Ok(Refreshed::Rotated(_)) => Self::Rotated,
            Ok(Refreshed::Raced(_)) => Self::Raced,
            Err(Failure::Refused(refusal)) => Self::of(*refusal),
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

/// A refresh by an application. Its result does not show whether the same successor was returned before.
impl<T> From<&Result<T, Failure<provider::refresh::Refusal>>> for RefreshOutcome {
    fn from(result: &Result<T, Failure<provider::refresh::Refusal>>) -> Self {
        match result {
            Ok(_) => Self::Rotated,
            Err(Failure::Refused(provider::refresh::Refusal::Session(refusal))) => Self::of(*refusal),
            Err(Failure::Refused(provider::refresh::Refusal::NoLongerPermitted)) => Self::Ended,
            Err(Failure::Refused(_)) => Self::Invalid,
            Err(Failure::Port(failure)) if is_busy(failure) => Self::Busy,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}

impl RefreshOutcome {
    fn of(refusal: refresh::Refusal) -> Self {
        match refusal {
            refresh::Refusal::Reused => Self::Reused,
            refresh::Refusal::Superseded => Self::Superseded,
            refresh::Refusal::Ended => Self::Ended,
            refresh::Refusal::Inactive => Self::Inactive,
            refresh::Refusal::Unknown => Self::Unknown,
            refresh::Refusal::NotRepeatable => Self::NotRepeatable,
        }
    }
}

impl AccessRefusal {
    /// The reason of a rejection. `None` if the store failed, so that the reason is unknown.
    pub(crate) fn of(refusal: &NotAuthenticated) -> Option<Self> {
        match refusal {
            NotAuthenticated::Token(
                InvalidToken::TooLong | InvalidToken::Malformed | InvalidToken::Header,
            ) => Some(Self::Malformed),
            NotAuthenticated::Token(InvalidToken::Signature) => Some(Self::Signature),
            NotAuthenticated::Token(InvalidToken::Claims) => Some(Self::Claims),
            NotAuthenticated::Token(InvalidToken::Early) => Some(Self::Early),
            NotAuthenticated::Token(InvalidToken::Expired) => Some(Self::Expired),
            NotAuthenticated::SessionEnded | NotAuthenticated::NotAdopted => Some(Self::SessionEnded),
            NotAuthenticated::Inactive => Some(Self::Inactive),
            NotAuthenticated::MayOnlyEnrol => Some(Self::MayOnlyEnrol),
            NotAuthenticated::Store(_) => None,
        }
    }
}

impl<T> From<&Result<T, Failure<ClientNotAuthenticated>>> for ClientResult {
    fn from(result: &Result<T, Failure<ClientNotAuthenticated>>) -> Self {
        match result {
            Ok(_) => Self::Succeeded,
            Err(Failure::Refused(ClientNotAuthenticated)) => Self::Refused,
            Err(Failure::Port(_)) => Self::Failed,
        }
    }
}
