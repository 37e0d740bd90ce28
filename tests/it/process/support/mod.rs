//! What several of these tests use: clients, databases, load, and the times of the service.

pub(super) mod client;
pub(super) mod database;
pub(super) mod load;
pub(super) mod registrations;
pub(super) mod times;
