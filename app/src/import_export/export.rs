use std::io::{self, Write};

use inwren_domain::account::UserFilter;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::kernel::StoreError;

use super::checksum::Checksum;
use super::progress::Progress;
use super::record::Record;

/// Number of users per read.
const BATCH: u16 = 1_000;

/// Which users and which of their fields to export.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Exports only users that match.
    pub filter: UserFilter,
    /// Whether to include password hashes.
    pub with_hashes: bool,
}

/// The result of an export.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// Number of users.
    pub users: u64,
    /// The checksum of their lines.
    pub checksum: Checksum,
}

/// Why the export is incomplete.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file or pipe cannot be written.
    #[error("it cannot be written: {0}")]
    Output(#[from] io::Error),
    /// A user cannot be written as a line, because of a time after the year 9999.
    #[error("the user {0} has a time that cannot be written")]
    User(String),
}

/// Writes the users of one snapshot, ordered by id.
pub async fn export(
    snapshot: &mut dyn UserSnapshot,
    selection: &Selection,
    output: &mut (dyn Write + Send),
    mut progress: Progress,
) -> Result<Exported, ExportError> {
    let mut exported = Exported { users: 0, checksum: Checksum::default() };
    loop {
        let accounts = snapshot.next(BATCH).await?;
        if accounts.is_empty() {
            output.flush()?;
            return Ok(exported);
        }
        progress.advance(accounts.len() as u64);
        for account in accounts.into_iter().filter(|account| selection.filter.matches(&account.user)) {
            let id = account.user.id;
            let record = Record::of(&account, selection.with_hashes);
            let unwritable = |_| ExportError::User(id.to_string());
            exported.checksum.add(&record.compared().map_err(unwritable)?);
            exported.users += 1;
            let mut line = record.line().map_err(unwritable)?;
            line.push(b'\n');
            output.write_all(&line)?;
        }
    }
}
