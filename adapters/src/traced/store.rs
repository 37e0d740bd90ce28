use std::future::Future;

use inwren_domain::kernel::StoreError;
use inwren_domain::store::StoreHook;
use opentelemetry::trace::SpanKind;

use super::spans::Spans;

impl StoreHook for Spans {
    async fn around<T: Send>(
        &self,
        name: &'static str,
        call: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        // A view is only a handle, so creating it runs no query.
        if name == "store.read" {
            return call.await;
        }
        Self::around(self, name, SpanKind::Client, call).await
    }
}
