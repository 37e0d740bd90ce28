//! The audit log: all events for superusers, and for each user the events of that user.

mod answers;
mod api;
mod dto;
mod parameter;

pub(super) use api::{ActivityApi, AuditApi};
pub(crate) use dto::{AuditEventPage, actor, audit_cursor};
