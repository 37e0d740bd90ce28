use std::collections::HashMap;
use std::io::{self, Write};
use std::sync::Arc;

use inwren_domain::account::UserFilter;
use inwren_domain::account::import::{UserFactors, UserSnapshot};
use inwren_domain::credential::Account;
use inwren_domain::kernel::{StoreError, UserId};
use inwren_domain::keyring::{Keyring, KeyringError};

use super::checksum::Checksum;
use super::progress::Progress;
use super::record::Record;

/// Number of users per read.
const BATCH: u16 = 1_000;

/// Which users and which of their fields to export.
#[derive(Clone)]
pub struct Selection {
    /// Exports only users that match.
    pub filter: UserFilter,
    /// Whether to include password hashes.
    pub with_hashes: bool,
    /// Whether to include second factors and recovery codes.
    pub factors: ExportedFactors,
}

/// Whether to export second factors and recovery codes, and in which form the secrets of authenticator apps.
#[derive(Clone)]
pub enum ExportedFactors {
    /// Without factors.
    None,
    /// With sealed secrets.
    Sealed,
    /// With secrets in plaintext, opened by this keyring.
    Clear(Arc<dyn Keyring>),
}

impl ExportedFactors {
    fn keyring(&self) -> Option<&dyn Keyring> {
        match self {
            Self::Clear(keyring) => Some(keyring.as_ref()),
            Self::None | Self::Sealed => None,
        }
    }
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
    /// A secret cannot be exported in plaintext.
    #[error("the secret of an authenticator app of the user {user}: {error}")]
    Secret {
        /// The user.
        user: UserId,
        /// Why the secret does not open.
        error: KeyringError,
    },
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
        let mut accounts = snapshot.next(BATCH).await?;
        if accounts.is_empty() {
            output.flush()?;
            return Ok(exported);
        }
        progress.advance(accounts.len() as u64);
        accounts.retain(|account| selection.filter.matches(&account.user));
        let mut factors = factors_of(snapshot, selection, &accounts).await?;
        for account in accounts {
            let id = account.user.id;
            let mut record = Record::of(&account, selection.with_hashes);
            if let Some(factors) = factors.remove(&id) {
                let added = record.with_factors(&factors, selection.factors.keyring());
                record = added.map_err(|error| ExportError::Secret { user: id, error })?;
            }
            let unwritable = |_| ExportError::User(id.to_string());
            exported.checksum.add(&record.compared().map_err(unwritable)?);
            exported.users += 1;
            let mut line = record.line().map_err(unwritable)?;
            line.push(b'\n');
            output.write_all(&line)?;
        }
    }
}

/// The factors of these users, by user.
async fn factors_of(
    snapshot: &mut dyn UserSnapshot,
    selection: &Selection,
    accounts: &[Account],
) -> Result<HashMap<UserId, UserFactors>, StoreError> {
    let users: Vec<UserId> = match selection.factors {
        ExportedFactors::None => return Ok(HashMap::new()),
        ExportedFactors::Sealed | ExportedFactors::Clear(_) => {
            let with_factor = accounts.iter().filter(|account| account.user.has_factor());
            with_factor.map(|account| account.user.id).collect()
        }
    };
    if users.is_empty() {
        return Ok(HashMap::new());
    }
    let found = snapshot.factors_of(&users).await?;
    Ok(found.into_iter().map(|factors| (factors.user, factors)).collect())
}
