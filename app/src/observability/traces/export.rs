use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry_otlp::{
    ExporterBuildError, Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _,
};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tokio::runtime::Handle;

use super::client::Client;
use super::counts::ExportCounts;

/// Timeout of a batch.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long a shutdown waits for the last batches.
const LAST_BATCHES: Duration = Duration::from_secs(3);

/// Settings of the trace export.
#[derive(Clone)]
pub struct TraceSettings {
    /// The collector's URL for traces, with the path.
    pub endpoint: String,
    /// Headers of every batch, usually credentials.
    pub headers: HashMap<String, String>,
    /// `service.name` of the spans.
    pub service_name: String,
    /// Whether to follow the caller's sampling decision, if there is one.
    pub follow_caller: bool,
    /// The share of traces to sample if the caller has not decided: from 0 to 1.
    pub share: f64,
}

impl fmt::Debug for TraceSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TraceSettings({})", self.endpoint)
    }
}

/// The running export of traces.
pub struct Traces {
    provider: SdkTracerProvider,
    tracer: Arc<BoxedTracer>,
    counts: Arc<ExportCounts>,
}

impl Traces {
    /// Starts the export. It must be called within the runtime of the service.
    pub fn start(settings: &TraceSettings) -> Result<Self, ExporterBuildError> {
        let counts = Arc::new(ExportCounts::default());
        let client = Client { runtime: Handle::current(), patience: PATIENCE, counts: Arc::clone(&counts) };
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(client)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(settings.endpoint.as_str())
            .with_headers(settings.headers.clone())
            .build()?;
        let version = KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
        let resource =
            Resource::builder().with_attribute(version).with_service_name(settings.service_name.clone());
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(sampler(settings))
            .with_resource(resource.build())
            .build();
        global::set_tracer_provider(provider.clone());
        tracing::info!(endpoint = settings.endpoint, "exporting traces");
        Ok(Self { provider, tracer: Arc::new(global::tracer("inwren")), counts })
    }

    /// The tracer that creates spans.
    pub fn tracer(&self) -> &Arc<BoxedTracer> {
        &self.tracer
    }

    /// The counters of the export.
    pub fn counts(&self) -> &Arc<ExportCounts> {
        &self.counts
    }

    /// Sends the remaining spans, as far as the collector accepts them in time.
    pub async fn stop(self) {
        let stopped =
            tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(LAST_BATCHES)).await;
        if !matches!(stopped, Ok(Ok(()))) {
            tracing::warn!("the last traces could not be exported");
        }
    }
}

fn sampler(settings: &TraceSettings) -> Sampler {
    let decide = if settings.share >= 1.0 {
        Sampler::AlwaysOn
    } else if settings.share <= 0.0 {
        Sampler::AlwaysOff
    } else {
        Sampler::TraceIdRatioBased(settings.share)
    };
    if settings.follow_caller { Sampler::ParentBased(Box::new(decide)) } else { decide }
}
