//! The audit log: all events for superusers, and the own events for each user.

mod answers;
mod api;
mod dto;
mod parameter;

pub(super) use api::{ActivityApi, AuditApi};
pub(crate) use dto::{AuditEventPage, actor, audit_cursor};
