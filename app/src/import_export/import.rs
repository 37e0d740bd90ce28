use std::io::{self, BufRead};

use inwren_domain::PortFailure;
use inwren_domain::account::UserFilter;
use inwren_domain::account::import::{BATCH, Destination, Importer, Incoming, Outcome, Policy};

use super::checksum::Checksum;
use super::export::{ExportError, Exported, ExportedFactors, Selection, export};
use super::lines::Lines;
use super::pace;
use super::progress::Progress;
use super::record::Record;
use super::report::Report;

/// The result of an import.
#[derive(Debug)]
pub struct Imported {
    /// Number of lines, without empty ones.
    pub lines: u64,
    /// The checksum of the valid lines.
    pub checksum: Checksum,
    /// The result for the users.
    pub report: Report,
    /// What the store contains after the import. `None` if nothing was written.
    pub here: Option<Exported>,
}

/// Why the import stopped early. Users imported before that stay.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Input(#[from] io::Error),
    /// The store failed.
    #[error(
        "stopped near line {line}: {failure}. Run the command again: users that are imported already stay unchanged"
    )]
    Store {
        /// All lines up to this one are processed.
        line: u64,
        /// The failure.
        failure: PortFailure,
    },
    /// The store could not be read after the import.
    #[error("all users were imported, but the database could not be read afterwards: {0}")]
    Check(#[from] ExportError),
}

/// Imports the users of a file in batches.
pub async fn import(
    destination: &Destination,
    policy: Policy,
    input: impl BufRead + Send,
    mut progress: Progress,
    report: Report,
) -> Result<Imported, ImportError> {
    let mut lines = Lines::of(input);
    let mut importer = Importer::new(destination, policy);
    let mut imported = Imported { lines: 0, checksum: Checksum::default(), report, here: None };
    let mut with_hashes = false;
    let mut batch: Vec<Incoming> = Vec::with_capacity(BATCH);
    loop {
        let line = lines.next()?;
        let is_last = line.is_none();
        if let Some(line) = line {
            imported.lines += 1;
            let place = format!("line {}", line.number);
            let record = line.text.and_then(|text| Record::read(&text)).inspect(|record| {
                with_hashes |= record.has_hash();
                if let Ok(compared) = record.compared() {
                    imported.checksum.add(&compared);
                }
            });
            let email = record.as_ref().ok().map(|record| record.email().to_owned());
            match record.and_then(|record| record.incoming(place.clone())) {
                Ok(incoming) => batch.push(incoming),
                Err(problem) => {
                    imported.report.note(&place, email.as_deref(), Outcome::Refused(problem), &progress);
                }
            }
        }
        if batch.len() == BATCH || (is_last && !batch.is_empty()) {
            let outcomes = pace::batch(&mut importer, &batch).await.map_err(|failure| {
                ImportError::Store { line: imported.lines.saturating_sub(batch.len() as u64), failure }
            })?;
            for (one, outcome) in batch.drain(..).zip(outcomes) {
                imported.report.note(&one.place, Some(one.email.as_str()), outcome, &progress);
            }
            progress.set(lines.bytes());
        }
        if is_last {
            break;
        }
    }
    if !policy.dry_run {
        let all = Selection {
            filter: UserFilter::default(),
            with_hashes: with_hashes || imported.lines == 0,
            factors: ExportedFactors::None,
        };
        let mut here = destination.store.snapshot().await.map_err(ExportError::from)?;
        imported.here = Some(export(here.as_mut(), &all, &mut io::sink(), Progress::hidden()).await?);
    }
    Ok(imported)
}
