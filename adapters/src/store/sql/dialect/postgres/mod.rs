//! Statements specific to PostgreSQL. Each does the work of a whole unit of work in one round trip.

mod insert;
pub(crate) mod registration;
pub(crate) mod session_rotation;
pub(crate) mod session_start;
