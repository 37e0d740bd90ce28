//! Traces: where each request spent its time, and to which caller's trace it belongs.
//!
//! The log always contains the caller's trace context. If the endpoint of a collector is configured, each request is
//! also a span, with the calls of ports as child spans, and batches of spans are sent to the collector (OTLP over HTTP,
//! in protobuf). If the collector is unavailable, spans are lost, but requests are not affected.

mod client;
mod counts;
mod export;
mod parent;
mod request;

pub use counts::ExportCounts;
pub use export::{TraceSettings, Traces};
pub(crate) use request::RequestTrace;
