//! Checks rate limits and writes their response headers.

use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{ClientNetwork, Clock, Email, SessionId, UserId};
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use inwren_domain::token::KeyDirectory;
use poem::http::{HeaderMap, HeaderName, HeaderValue};
use poem::{FromRequest, Request, RequestBody};

use super::client::{TrustedProxies, client_of};
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

/// How many letters can be requested to one address, with the names in the keys of the limiter. So no client can flood
/// a mailbox.
const LETTERS_TO_AN_ADDRESS: [(&str, Quota); 3] = [
    ("letters-per-minute", Quota { limit: 1, period: Duration::from_secs(60) }),
    ("letters-per-hour", Quota { limit: 5, period: Duration::from_secs(3_600) }),
    ("letters-per-day", Quota { limit: 20, period: Duration::from_secs(86_400) }),
];

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

    /// Returns the slot of a request from this client. A trusted proxy is never exempt: requests whose forwarding header
    /// is unreadable count as the proxy's own, and any client can send such a header.
    pub(in crate::http) fn slot(&self, client: IpAddr, proxies: &TrustedProxies) -> LimitSlot {
        let is_exempt = self.settings.exempts(client) && !proxies.contains(client);
        LimitSlot { network: ClientNetwork::of(client), is_exempt, checked: Arc::default() }
    }

    /// Charges a call to the rate limit of the client's network.
    pub(in crate::http) async fn check_client(
        &self,
        request: &Request,
        operation: Operation,
    ) -> Result<(), Problem> {
        let slot = slot_of(request);
        self.check(&slot, operation, of_network(slot.network), Return::IfMalformed).await
    }

    /// Charges a call to the user's rate limit.
    pub(in crate::http) async fn check_user(
        &self,
        request: &Request,
        operation: Operation,
        user: UserId,
    ) -> Result<(), Problem> {
        self.check(&slot_of(request), operation, format!("user:{user}"), Return::IfMalformed).await
    }

    /// Charges a call to the rate limit of the OAuth 2.0 client, which is authenticated.
    pub(in crate::http) async fn check_oauth_client(
        &self,
        request: &Request,
        operation: Operation,
        client: ClientUid,
    ) -> Result<(), Problem> {
        self.check(&slot_of(request), operation, format!("client:{client}"), Return::IfMalformed).await
    }

    /// Charges a call to the session's rate limit.
    pub(in crate::http) async fn check_session(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        session: SessionId,
    ) -> Result<(), Problem> {
        self.check(slot, operation, format!("session:{session}"), Return::Never).await
    }

    /// Charges a call to the rate limit of the e-mail address, which all clients share.
    pub(in crate::http) async fn check_email(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        email: &Email,
    ) -> Result<(), Problem> {
        self.check(slot, operation, self.of_email(email), Return::Never).await
    }

    /// The subject of the allowance of an e-mail address.
    fn of_email(&self, email: &Email) -> String {
        let digest = self.keys.keyed_hash(EMAIL_PURPOSE, email.normalized());
        let mut subject = String::from("email:");
        for byte in digest.iter().take(16) {
            let _ = write!(subject, "{byte:02x}");
        }
        subject
    }

    /// Charges a letter that a client requests to the limit of the client's network and to the limits of the address,
    /// which all clients share, and returns whether it may be sent. The response does not show it.
    pub(in crate::http) async fn letter_allowed(&self, slot: &LimitSlot, email: &Email) -> bool {
        if !self.settings.enabled || slot.is_exempt {
            return true;
        }
        let operation = Operation::RequestLetter;
        let origin = slot.network.block();
        let by_client = LimitKey { operation: operation.label(), subject: of_network(slot.network), origin };
        if !self.decide(operation, &by_client).await.allowed {
            return false;
        }
        let subject = self.of_email(email);
        for (name, quota) in LETTERS_TO_AN_ADDRESS {
            let key = LimitKey { operation: name, subject: subject.clone(), origin };
            if !self.limiter.check(&key, quota, self.clock.now()).await.allowed {
                return false;
            }
        }
        true
    }

    async fn check(
        &self,
        slot: &LimitSlot,
        operation: Operation,
        subject: String,
        returns: Return,
    ) -> Result<(), Problem> {
        if !self.settings.enabled || slot.is_exempt {
            return Ok(());
        }
        let key = LimitKey { operation: operation.label(), subject, origin: slot.network.block() };
        let decision = self.decide(operation, &key).await;
        let is_allowed = decision.allowed;
        let returnable = (is_allowed && returns == Return::IfMalformed).then_some(key);
        slot.remember(Checked { operation, decision }, returnable);
        if is_allowed {
            return Ok(());
        }
        tracing::info!(operation = operation.label(), "rate limited");
        let mut problem = Problem::of(Kind::RATE_LIMITED);
        if self.settings.names_setting {
            let _ = write!(problem.detail, " {} sets this limit.", operation.setting());
        }
        Err(problem.retry_after(decision.retry_after))
    }

    async fn decide(&self, operation: Operation, key: &LimitKey) -> Decision {
        let decision = self.limiter.check(key, self.settings.quota(operation), self.clock.now()).await;
        let counters = if decision.allowed { &self.decisions.allowed } else { &self.decisions.limited };
        counters.count(operation);
        decision
    }

    /// Gives the allowance of a malformed request back to the client or the user. The returns have a limit of their own
    /// per client network, so that the service does not parse any number of bodies for one client.
    pub(in crate::http) async fn give_back(&self, slot: &LimitSlot) {
        let Some((Checked { operation, .. }, key)) = slot.returnable() else { return };
        let returns = Operation::Malformed;
        let subject = of_network(slot.network);
        let bound = LimitKey { operation: returns.label(), subject, origin: slot.network.block() };
        if self.decide(returns, &bound).await.allowed {
            let quota = self.settings.quota(operation);
            let decision = self.limiter.give_back(&key, quota, self.clock.now()).await;
            slot.returned(Checked { operation, decision });
        }
    }
}

/// Marks a response with a body of its own that refuses a request for its form.
#[derive(Clone, Copy)]
pub(in crate::http) struct RefusedForm;

/// The subject of a client network's allowance.
fn of_network(network: ClientNetwork) -> String {
    format!("ip:{network}")
}

/// When a call is given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Return {
    /// If the request is refused for its form.
    IfMalformed,
    /// Never: the limit protects an account or a session.
    Never,
}

/// A limit that was checked for a request, and the decision.
#[derive(Clone, Copy)]
struct Checked {
    operation: Operation,
    decision: Decision,
}

/// The limiter's decisions on this request. The response headers report the strictest one.
#[derive(Clone)]
pub(in crate::http) struct LimitSlot {
    network: ClientNetwork,
    is_exempt: bool,
    checked: Arc<Mutex<AllChecked>>,
}

#[derive(Default)]
struct AllChecked {
    /// The limit whose call can be given back, with its key.
    returnable: Option<(Checked, LimitKey)>,
    /// The strictest of the other limits.
    strictest: Option<Checked>,
}

impl AllChecked {
    fn add(&mut self, new: Checked) {
        self.strictest = Some(self.strictest.map_or(new, |before| stricter(before, new)));
    }
}

/// Returns the stricter decision, or the earlier one if both are equally strict.
fn stricter(before: Checked, new: Checked) -> Checked {
    let strictness = |checked: &Checked| (checked.decision.allowed, checked.decision.remaining);
    if strictness(&new) < strictness(&before) { new } else { before }
}

impl LimitSlot {
    fn lock(&self) -> MutexGuard<'_, AllChecked> {
        self.checked.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records a decision, with the key if the call can be given back.
    fn remember(&self, new: Checked, returnable: Option<LimitKey>) {
        let mut all = self.lock();
        match returnable {
            Some(key) => {
                if let Some((before, _)) = all.returnable.replace((new, key)) {
                    all.add(before);
                }
            }
            None => all.add(new),
        }
    }

    /// Returns the limit whose call can be given back.
    fn returnable(&self) -> Option<(Checked, LimitKey)> {
        self.lock().returnable.clone()
    }

    /// Records that the call was given back. It cannot be given back again.
    fn returned(&self, now: Checked) {
        let mut all = self.lock();
        all.returnable = None;
        all.add(now);
    }

    /// Writes the headers of the IETF draft (draft-ietf-httpapi-ratelimit-headers-10 sections 3 and 4).
    pub(in crate::http) fn write_headers(&self, headers: &mut HeaderMap) {
        let (returnable, strictest) = {
            let all = self.lock();
            (all.returnable.as_ref().map(|(checked, _)| *checked), all.strictest)
        };
        let checked = match (returnable, strictest) {
            (Some(one), Some(other)) => stricter(one, other),
            (one, other) => match one.or(other) {
                Some(checked) => checked,
                None => return,
            },
        };
        let Checked { operation, decision } = checked;
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
    request.data::<LimitSlot>().cloned().unwrap_or_else(|| LimitSlot {
        network: ClientNetwork::of(client_of(request)),
        is_exempt: false,
        checked: Arc::default(),
    })
}

impl<'a> FromRequest<'a> for LimitSlot {
    async fn from_request(request: &'a Request, _: &mut RequestBody) -> poem::Result<Self> {
        Ok(slot_of(request))
    }
}
