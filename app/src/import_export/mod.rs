//! Bulk import and export of users: to a file, from a file, and from the table of another service.
//!
//! The import rules belong to the domain: `inwren_domain::account::import`. This module has the file formats, the
//! pacing and the reports.

mod adopt;
mod checksum;
mod export;
mod factor_record;
mod import;
mod lines;
mod pace;
mod progress;
mod record;
mod refused;
mod report;

pub use adopt::{Adopted, adopt};
pub use checksum::Checksum;
pub use export::{ExportError, Exported, ExportedFactors, Selection, export};
pub use import::{Imported, import};
pub use progress::Progress;
pub use record::Record;
pub use refused::RefusedRows;
pub use report::Report;
