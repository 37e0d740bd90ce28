//! The request pipeline, from the outside in: request id and log line, headers, CORS, limits of size and time, and
//! problem bodies.

mod cors;
mod headers;
mod pipeline;
mod request_id;

pub(in crate::http) use cors::Cors;
pub(in crate::http) use headers::add_common;
pub(in crate::http) use pipeline::RequestPipeline;
pub(in crate::http) use request_id::request_id;
