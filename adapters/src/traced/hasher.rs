use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::credential::{
    AcceptedHashes, HasherError, Password, PasswordHash, PasswordHasher, Requester, Verification,
};
use opentelemetry::trace::SpanKind;

use super::spans::Spans;

/// Records a span per call, with child spans for the wait for a thread and for the computation.
pub(super) struct TracedHasher {
    inner: Arc<dyn PasswordHasher>,
    spans: Spans,
}

impl TracedHasher {
    pub(super) fn new(inner: Arc<dyn PasswordHasher>, spans: Spans) -> Self {
        Self { inner, spans }
    }
}

impl AcceptedHashes for TracedHasher {
    fn can_verify(&self, hash: &PasswordHash) -> bool {
        self.inner.can_verify(hash)
    }
}

#[async_trait]
impl PasswordHasher for TracedHasher {
    async fn hash(&self, password: Password, requester: Requester) -> Result<PasswordHash, HasherError> {
        let call = self.inner.hash(password, requester);
        self.spans.around("hasher.hash", SpanKind::Internal, call).await
    }

    async fn verify(
        &self,
        password: Password,
        hash: Option<PasswordHash>,
        requester: Requester,
    ) -> Result<Verification, HasherError> {
        let call = self.inner.verify(password, hash, requester);
        self.spans.around("hasher.verify", SpanKind::Internal, call).await
    }

    async fn check(
        &self,
        password: Password,
        hash: PasswordHash,
        requester: Requester,
    ) -> Result<bool, HasherError> {
        let call = self.inner.check(password, hash, requester);
        self.spans.around("hasher.check", SpanKind::Internal, call).await
    }
}
