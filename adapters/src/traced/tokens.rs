use std::sync::Arc;

use inwren_domain::kernel::{PlainToken, TokenDigest};
use inwren_domain::token::{
    AccessClaims, ClientClaims, IdClaims, IdHint, InvalidToken, IssuedToken, LogoutClaims, RefreshClaims,
    SigningError, TokenIssuer, TokenVerifier,
};
use time::OffsetDateTime;

use super::spans::{InAWord as _, Spans};

pub(super) struct TracedIssuer {
    inner: Arc<dyn TokenIssuer>,
    spans: Spans,
}

impl TracedIssuer {
    pub(super) fn new(inner: Arc<dyn TokenIssuer>, spans: Spans) -> Self {
        Self { inner, spans }
    }

    fn sign<T>(
        &self,
        name: &'static str,
        call: impl FnOnce() -> Result<T, SigningError>,
    ) -> Result<T, SigningError> {
        self.spans.around_sync(name, |error: &SigningError| Some(error.word()), call)
    }
}

impl TokenIssuer for TracedIssuer {
    fn issue_access(&self, claims: &AccessClaims) -> Result<PlainToken, SigningError> {
        self.sign("tokens.issue_access", || self.inner.issue_access(claims))
    }

    fn issue_client(&self, claims: &ClientClaims) -> Result<PlainToken, SigningError> {
        self.sign("tokens.issue_client", || self.inner.issue_client(claims))
    }

    fn issue_id(&self, claims: &IdClaims, access_token: &PlainToken) -> Result<PlainToken, SigningError> {
        self.sign("tokens.issue_id", || self.inner.issue_id(claims, access_token))
    }

    fn issue_logout(&self, claims: &LogoutClaims) -> Result<PlainToken, SigningError> {
        self.sign("tokens.issue_logout", || self.inner.issue_logout(claims))
    }

    fn issue_refresh(&self, claims: &RefreshClaims) -> Result<IssuedToken, SigningError> {
        self.sign("tokens.issue_refresh", || self.inner.issue_refresh(claims))
    }
}

pub(super) struct TracedVerifier {
    inner: Arc<dyn TokenVerifier>,
    spans: Spans,
}

impl TracedVerifier {
    pub(super) fn new(inner: Arc<dyn TokenVerifier>, spans: Spans) -> Self {
        Self { inner, spans }
    }

    /// Runs a verification. A refused token is not a failure of this service.
    fn verify<T>(
        &self,
        name: &'static str,
        call: impl FnOnce() -> Result<T, InvalidToken>,
    ) -> Result<T, InvalidToken> {
        self.spans.around_sync(name, |_: &InvalidToken| None, call)
    }
}

impl TokenVerifier for TracedVerifier {
    fn verify_access(&self, token: &str, now: OffsetDateTime) -> Result<AccessClaims, InvalidToken> {
        self.verify("tokens.verify_access", || self.inner.verify_access(token, now))
    }

    fn verify_client(&self, token: &str, now: OffsetDateTime) -> Result<ClientClaims, InvalidToken> {
        self.verify("tokens.verify_client", || self.inner.verify_client(token, now))
    }

    fn verify_refresh(&self, token: &str, now: OffsetDateTime) -> Result<RefreshClaims, InvalidToken> {
        self.verify("tokens.verify_refresh", || self.inner.verify_refresh(token, now))
    }

    fn verify_id_hint(&self, token: &str, now: OffsetDateTime) -> Result<IdHint, InvalidToken> {
        self.verify("tokens.verify_id_hint", || self.inner.verify_id_hint(token, now))
    }

    fn digest(&self, token: &PlainToken) -> TokenDigest {
        self.inner.digest(token)
    }
}
