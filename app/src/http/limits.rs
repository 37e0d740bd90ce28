//! How often who may do what.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use inwren_domain::model::{AddressBlock, ClientNetwork, Email, SessionId};
use inwren_domain::ports::{Clock, Decision, KeyDirectory, LimitKey, LimiterMetrics, Quota, RateLimiter};
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{FromRequest, Request, RequestBody};

use super::client::client_of;
use super::problem::{Kind, Problem};
use crate::metrics::{Counters, Label};

macro_rules! operations {
    ($($name:ident = $label:literal $setting:literal $default:literal;)+) => {
        /// What is limited. Each has its own allowance.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "the labels say it")]
        pub enum Operation { $($name,)+ }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The name in headers and keys.
            pub fn label(self) -> &'static str {
                match self { $(Self::$name => $label,)+ }
            }

            /// The setting that has the quota.
            pub fn setting(self) -> &'static str {
                match self { $(Self::$name => $setting,)+ }
            }

            fn default_quota(self) -> Quota {
                match self { $(Self::$name => Quota::per_minute($default),)+ }
            }
        }
    };
}

operations! {
    Register = "register" "RATE_LIMIT_REGISTER" 5;
    Login = "login" "RATE_LIMIT_LOGIN" 5;
    LoginAccount = "login-account" "RATE_LIMIT_LOGIN_ACCOUNT" 30;
    Refresh = "refresh" "RATE_LIMIT_REFRESH" 10;
    ClientToken = "client-token" "RATE_LIMIT_CLIENT_TOKEN" 60;
    Revoke = "revoke" "RATE_LIMIT_REVOKE" 10;
    Introspect = "introspect" "RATE_LIMIT_INTROSPECT" 600;
    Logout = "logout" "RATE_LIMIT_LOGOUT" 10;
    Me = "me" "RATE_LIMIT_ME" 20;
    UpdateMe = "update-me" "RATE_LIMIT_UPDATE_ME" 10;
    ChangePassword = "change-password" "RATE_LIMIT_CHANGE_PASSWORD" 5;
    DeleteMe = "delete-me" "RATE_LIMIT_DELETE_ME" 5;
    Sessions = "sessions" "RATE_LIMIT_SESSIONS" 20;
    RevokeSession = "revoke-session" "RATE_LIMIT_REVOKE_SESSION" 10;
    RevokeSessions = "revoke-sessions" "RATE_LIMIT_REVOKE_SESSIONS" 10;
    Admin = "admin" "RATE_LIMIT_ADMIN" 60;
}

impl Label for Operation {
    const ALL: &'static [Self] = Self::ALL;

    fn text(self) -> &'static str {
        self.label()
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// What the limiter has said so far.
#[derive(Default)]
pub(crate) struct Decisions {
    pub(crate) allowed: Counters<Operation>,
    pub(crate) limited: Counters<Operation>,
}

/// The quotas.
#[derive(Clone, Debug)]
pub struct LimitSettings {
    /// Whether anything is limited at all.
    pub enabled: bool,
    quotas: Vec<Quota>,
}

impl Default for LimitSettings {
    fn default() -> Self {
        let quotas = Operation::ALL.iter().map(|operation| operation.default_quota()).collect();
        Self { enabled: true, quotas }
    }
}

impl LimitSettings {
    /// The quota of an operation.
    pub fn quota(&self, operation: Operation) -> Quota {
        self.quotas.get(operation as usize).copied().unwrap_or_else(|| operation.default_quota())
    }

    /// Sets the quota of an operation.
    pub fn set(&mut self, operation: Operation, quota: Quota) {
        if let Some(place) = self.quotas.get_mut(operation as usize) {
            *place = quota;
        }
    }
}

/// Asks the limiter, and remembers its answer for the response headers.
pub struct Limits {
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    keys: Arc<dyn KeyDirectory>,
    settings: LimitSettings,
    decisions: Decisions,
}

/// What the keyed hashes of e-mail addresses are for.
const EMAIL_PURPOSE: &str = "e-mail address of a rate limit";

impl Limits {
    /// Limits by these quotas. E-mail addresses are hashed with a key that only instances with the same signing keys have:
    /// they have to agree on the hash, and nobody who reads where the limits are kept may find the addresses by trying.
    pub fn new(
        limiter: Arc<dyn RateLimiter>,
        clock: Arc<dyn Clock>,
        keys: Arc<dyn KeyDirectory>,
        settings: LimitSettings,
    ) -> Self {
        Self { limiter, clock, keys, settings, decisions: Decisions::default() }
    }

    /// What the limiter has done so far.
    pub fn metrics(&self) -> LimiterMetrics {
        self.limiter.metrics()
    }

    /// Puts something around the limiter.
    pub fn wrap(&mut self, around: impl FnOnce(Arc<dyn RateLimiter>) -> Arc<dyn RateLimiter>) {
        self.limiter = around(Arc::clone(&self.limiter));
    }

    /// Whether the limiter had to fall back to something less than was configured.
    pub(crate) fn is_degraded(&self) -> bool {
        self.limiter.is_degraded()
    }

    /// What the limiter has said so far.
    pub(crate) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Takes one of the client's allowance.
    pub(super) async fn check_client(&self, request: &Request, operation: Operation) -> Result<(), Problem> {
        let subject = format!("ip:{}", ClientNetwork::of(client_of(request)));
        self.check(&slot_of(request), operation, subject).await
    }

    /// Takes one of the session's allowance.
    pub(super) async fn check_session(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        session: SessionId,
    ) -> Result<(), Problem> {
        self.check(slot, operation, format!("session:{session}")).await
    }

    /// Takes one of the allowance of everybody who names this e-mail address.
    pub(super) async fn check_email(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        email: &Email,
    ) -> Result<(), Problem> {
        let digest = self.keys.keyed_hash(EMAIL_PURPOSE, email.normalized());
        let mut subject = String::from("email:");
        for byte in digest.iter().take(16) {
            let _ = write!(subject, "{byte:02x}");
        }
        self.check(slot, operation, subject).await
    }

    async fn check(&self, slot: &LimitSlot, operation: Operation, subject: String) -> Result<(), Problem> {
        if !self.settings.enabled {
            return Ok(());
        }
        let key = LimitKey { operation: operation.label(), subject, origin: slot.origin };
        let decision = self.limiter.check(&key, self.settings.quota(operation), self.clock.now()).await;
        slot.remember(operation, decision);
        if decision.allowed {
            self.decisions.allowed.count(operation);
            return Ok(());
        }
        self.decisions.limited.count(operation);
        tracing::info!(operation = operation.label(), "rate limited");
        let problem =
            Problem::new(Kind::RATE_LIMITED, "Too many requests. Retry-After says when the next is allowed.");
        Err(problem.retry_after(decision.retry_after))
    }
}

/// What the limiter said of this request; the strictest, where it was asked more than once.
#[derive(Clone, Default)]
pub(super) struct LimitSlot {
    origin: AddressBlock,
    strictest: Arc<Mutex<Option<(Operation, Decision)>>>,
}

impl LimitSlot {
    /// For a request of this client.
    pub(super) fn of(client: IpAddr) -> Self {
        Self { origin: ClientNetwork::of(client).block(), strictest: Arc::default() }
    }

    fn remember(&self, operation: Operation, decision: Decision) {
        let mut slot = self.strictest.lock().unwrap_or_else(PoisonError::into_inner);
        let strictness = |decision: &Decision| (decision.allowed, decision.remaining);
        if slot.as_ref().is_none_or(|(_, before)| strictness(&decision) < strictness(before)) {
            *slot = Some((operation, decision));
        }
    }

    /// Writes the headers of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4).
    pub(super) fn write_headers(&self, headers: &mut HeaderMap) {
        let slot = *self.strictest.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((operation, decision)) = slot else { return };
        let (name, quota) = (operation.label(), decision.quota);
        let reset = decision.reset_after.as_millis().div_ceil(1_000);
        let policy = format!(r#""{name}";q={};w={}"#, quota.limit, quota.period.as_secs());
        let left = format!(r#""{name}";r={};t={reset}"#, decision.remaining);
        for (header, text) in [("ratelimit-policy", policy), ("ratelimit", left)] {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(HeaderName::from_static(header), value);
            }
        }
    }
}

/// Where the limiter's answer to this request is remembered.
pub(super) fn slot_of(request: &Request) -> LimitSlot {
    request.data::<LimitSlot>().cloned().unwrap_or_default()
}

impl<'a> FromRequest<'a> for LimitSlot {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(slot_of(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_has_a_setting_with_its_quota() {
        for operation in Operation::ALL {
            let setting = crate::config::SETTINGS.iter().find(|setting| setting.name == operation.setting());
            let default = setting.and_then(|setting| setting.default).unwrap();
            assert_eq!(default, format!("{}/minute", operation.default_quota().limit), "{operation:?}");
        }
    }
}
