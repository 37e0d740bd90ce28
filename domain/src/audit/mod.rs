//! The audit trail: events, and the ports that write and read them.

mod event;
mod ports;
mod trail;

pub use event::{AuditEvent, AuditEventId, AuditEventKind, OPERATOR, Subject};
pub use ports::{AuditLog, AuditReader};
pub(crate) use trail::Trail;
