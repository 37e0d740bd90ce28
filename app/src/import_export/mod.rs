//! Users by the thousand: written to a file, read from one, and taken over from another service.
//!
//! The rules of who is taken are the core's, in `inwren_domain::account::import`. Here is what they are read from
//! and written to, how fast, and what is told.

mod adopt;
mod checksum;
mod export;
mod import;
mod lines;
mod pace;
mod progress;
mod record;
mod report;

pub use adopt::{Adopted, adopt};
pub use checksum::Checksum;
pub use export::{ExportError, Exported, Selection, export};
pub use import::{Imported, import};
pub use progress::Progress;
pub use record::Record;
pub use report::Report;
