//! Shared by several of these tests: clients, databases, second factors, load, and the timeouts of the service.

pub(super) mod application;
pub(super) mod client;
pub(super) mod database;
pub(super) mod factors;
pub(super) mod load;
pub(super) mod registrations;
pub(super) mod times;
