use std::convert::Infallible;
use std::sync::Arc;

use async_trait::async_trait;
use inwren_domain::limiter::{Decision, LimitKey, LimiterMetrics, Quota, RateLimiter};
use opentelemetry::trace::SpanKind;
use time::OffsetDateTime;

use super::spans::{InAWord, Spans};

pub(super) struct TracedLimiter {
    inner: Arc<dyn RateLimiter>,
    spans: Spans,
}

impl TracedLimiter {
    pub(super) fn new(inner: Arc<dyn RateLimiter>, spans: Spans) -> Self {
        Self { inner, spans }
    }
}

/// A limiter never fails.
impl InAWord for Infallible {
    fn word(&self) -> &'static str {
        match *self {}
    }
}

#[async_trait]
impl RateLimiter for TracedLimiter {
    async fn check(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision {
        let call = async { Ok::<_, Infallible>(self.inner.check(key, quota, now).await) };
        match self.spans.around("limiter.check", SpanKind::Internal, call).await {
            Ok(decision) => decision,
        }
    }

    async fn give_back(&self, key: &LimitKey, quota: Quota, now: OffsetDateTime) -> Decision {
        let call = async { Ok::<_, Infallible>(self.inner.give_back(key, quota, now).await) };
        match self.spans.around("limiter.give_back", SpanKind::Internal, call).await {
            Ok(decision) => decision,
        }
    }

    fn is_degraded(&self) -> bool {
        self.inner.is_degraded()
    }

    fn metrics(&self) -> LimiterMetrics {
        self.inner.metrics()
    }
}
