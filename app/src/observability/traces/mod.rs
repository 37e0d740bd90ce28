//! Traces: which request of which caller took its time where.
//!
//! The caller's trace context goes into the log in any case. Where an endpoint of a collector is configured, each request is
//! a span too, with the calls of ports below it, and spans are sent there in batches (OTLP over HTTP, in protobuf). A
//! collector that is away costs spans, and never a request.

mod client;
mod counts;
mod export;
mod parent;
mod request;

pub use counts::ExportCounts;
pub use export::{TraceSettings, Traces};
pub(crate) use request::RequestTrace;
