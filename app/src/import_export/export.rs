use std::io::{self, Write};

use inwren_domain::account::UserFilter;
use inwren_domain::account::import::UserSnapshot;
use inwren_domain::kernel::StoreError;

use super::checksum::Checksum;
use super::progress::Progress;
use super::record::Record;

/// How many users are read at a time.
const BATCH: u16 = 1_000;

/// Whom to write, and what of them.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Only users whom this takes in.
    pub filter: UserFilter,
    /// Whether with the hashes of their passwords.
    pub with_hashes: bool,
}

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exported {
    /// How many users.
    pub users: u64,
    /// Over their lines.
    pub checksum: Checksum,
}

/// Why not everybody was written.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file, or whoever reads what is written.
    #[error("it cannot be written: {0}")]
    Output(#[from] io::Error),
    /// Somebody cannot be written as a line: a time beyond the year 9999.
    #[error("the user {0} has a time that cannot be written")]
    User(String),
}

/// Writes users as they were at one moment, ordered by their ids.
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
