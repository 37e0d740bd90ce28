//! Shared by several of these tests: clients, databases, load, and the timeouts of the service.

pub(super) mod client;
pub(super) mod database;
pub(super) mod load;
pub(super) mod registrations;
pub(super) mod times;
