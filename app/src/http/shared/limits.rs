//! Checks rate limits and writes their response headers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use inwren_domain::kernel::{AddressBlock, ClientNetwork, Clock, Email, SessionId};
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, RateLimiter};
use inwren_domain::token::KeyDirectory;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{FromRequest, Request, RequestBody};

use super::client::client_of;
use super::problem::{Kind, Problem};
use crate::config::{LimitSettings, Operation};
use crate::observability::metrics::{Counters, Label};

impl Label for Operation {
    const ALL: &'static [Self] = Self::ALL;

    fn text(self) -> &'static str {
        self.label()
    }

    fn place(self) -> usize {
        self as usize
    }
}

/// The limiter's decisions so far, per operation.
#[derive(Default)]
pub(crate) struct Decisions {
    pub(crate) allowed: Counters<Operation>,
    pub(crate) limited: Counters<Operation>,
}

/// Asks the limiter, and keeps its decision for the response headers.
pub struct Limits {
    limiter: Arc<dyn RateLimiter>,
    clock: Arc<dyn Clock>,
    keys: Arc<dyn KeyDirectory>,
    settings: LimitSettings,
    decisions: Decisions,
}

/// The purpose of the keyed hashes of e-mail addresses.
const EMAIL_PURPOSE: &str = "e-mail address of a rate limit";

impl Limits {
    /// Creates the limits with these settings. E-mail addresses are hashed with a key that only instances with the same
    /// signing keys have. So all instances agree on the hash, and an attacker who can read the stored limits cannot
    /// find the addresses by guessing.
    pub fn new(
        limiter: Arc<dyn RateLimiter>,
        clock: Arc<dyn Clock>,
        keys: Arc<dyn KeyDirectory>,
        settings: LimitSettings,
    ) -> Self {
        Self { limiter, clock, keys, settings, decisions: Decisions::default() }
    }

    /// Returns the metrics of the limiter.
    pub fn metrics(&self) -> LimiterMetrics {
        self.limiter.metrics()
    }

    /// Wraps the limiter in another one.
    pub fn wrap(&mut self, around: impl FnOnce(Arc<dyn RateLimiter>) -> Arc<dyn RateLimiter>) {
        self.limiter = around(Arc::clone(&self.limiter));
    }

    /// Returns whether the limiter has fallen back to something weaker than configured.
    pub(crate) fn is_degraded(&self) -> bool {
        self.limiter.is_degraded()
    }

    /// Returns the limiter's decisions so far.
    pub(crate) fn decisions(&self) -> &Decisions {
        &self.decisions
    }

    /// Charges a call to the client's rate limit.
    pub(in crate::http) async fn check_client(
        &self,
        request: &Request,
        operation: Operation,
    ) -> Result<(), Problem> {
        let subject = format!("ip:{}", ClientNetwork::of(client_of(request)));
        self.check(&slot_of(request), operation, subject).await
    }

    /// Charges a call to the session's rate limit.
    pub(in crate::http) async fn check_session(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        session: SessionId,
    ) -> Result<(), Problem> {
        self.check(slot, operation, format!("session:{session}")).await
    }

    /// Charges a call to the rate limit of the e-mail address, which all clients share.
    pub(in crate::http) async fn check_email(
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
        Err(Problem::of(Kind::RATE_LIMITED).retry_after(decision.retry_after))
    }
}

/// The limiter's decision on this request. If several limits were checked, the strictest decision counts.
#[derive(Clone, Default)]
pub(in crate::http) struct LimitSlot {
    origin: AddressBlock,
    strictest: Arc<Mutex<Option<(Operation, Decision)>>>,
}

impl LimitSlot {
    /// Creates the slot of a request of this client.
    pub(in crate::http) fn of(client: IpAddr) -> Self {
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
    pub(in crate::http) fn write_headers(&self, headers: &mut HeaderMap) {
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

/// Returns the slot for the limiter's decision on this request.
pub(in crate::http) fn slot_of(request: &Request) -> LimitSlot {
    request.data::<LimitSlot>().cloned().unwrap_or_default()
}

impl<'a> FromRequest<'a> for LimitSlot {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(slot_of(request))
    }
}
