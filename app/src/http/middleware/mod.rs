//! What every request goes through, from the outside in: an id and a log line, headers, CORS, limits of size and time,
//! and the writing of problems.

mod cors;
mod gateway;
mod headers;
mod request_id;

pub(super) use cors::Cors;
pub(super) use gateway::Gateway;
pub(super) use headers::add_common;
pub(super) use request_id::request_id;
