//! Bulk import of users, from a file that this service wrote or from the table of another service (migrating from
//! FastAPI).
//!
//! Each user to import is an [`Incoming`]: where it was found, and its values. The [`Importer`] takes a batch at a
//! time, writes each batch in its own unit of work, and returns an [`Outcome`] for each user. The outcome depends on
//! the user and the store alone, so an interrupted import can be run again.
//!
//! An import reads the table of another service twice. A [`Census`] finds out what the table contains, above all which
//! addresses differ in case only. Then an [`Adoption`] converts rows to [`Incoming`] and withholds rows with such
//! addresses.

mod adoption;
mod census;
mod destination;
mod factors;
mod importer;
mod incoming;
mod ports;
mod problem;
mod ranges;
mod seen;
mod source;

pub use adoption::{Adoption, OnCaseConflict, Withheld};
pub use census::Census;
pub use destination::Destination;
pub use importer::{BATCH, Importer, OnConflict, Outcome, Policy, UnknownHash, UnknownTier};
pub use incoming::{ClearSecret, Incoming, IncomingFactor, IncomingPassword};
pub use ports::{UserFactors, UserSnapshot, UserTransfer};
pub use problem::Problem;
pub use source::{SourceTable, SourceUser, SourceUsers};
