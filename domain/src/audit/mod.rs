//! The audit log: events, the ports that write and read them, and the use cases that list them.

pub mod activity;
mod event;
mod filter;
pub mod list;
mod ports;
mod trail;

pub use event::{AuditEvent, AuditEventId, AuditEventKind, OPERATOR, Subject};
pub use filter::{AuditFilter, EmptyPeriod, Period};
pub use ports::{AuditLog, AuditReader};
pub(crate) use trail::Trail;
