//! What is asked of a SQLite file so often that the driver is in the way: what every authenticated request and every
//! login reads, and what every registration, every login and every refresh writes.
//!
//! The driver has a thread for each connection, to which every step of a transaction goes and from which every value of a
//! row comes back one by one. For rows that are found by a key, and lie in memory most of the time, that costs several
//! times the work itself. So there are some connections here that are asked where the request is, and one that writes a
//! whole transaction at a time.

mod connection;
mod events;
mod openings;
mod readers;
mod registrations;
mod rotations;
mod rows;
mod writer;
mod writes;

pub(super) use connection::open;
pub(super) use readers::Readers;
pub(super) use writes::Writes;
