use std::io::{self, BufRead};

use inwren_domain::PortFailure;
use inwren_domain::account::UserFilter;
use inwren_domain::account::import::{BATCH, Destination, Importer, Incoming, Outcome, Policy};

use super::checksum::Checksum;
use super::export::{ExportError, Exported, Selection, export};
use super::lines::Lines;
use super::pace;
use super::progress::Progress;
use super::record::Record;
use super::report::Report;

/// What was read, and what is here after it.
#[derive(Debug)]
pub struct Imported {
    /// Lines that were read, but for empty ones.
    pub lines: u64,
    /// Over those of them that can be read.
    pub checksum: Checksum,
    /// What became of them.
    pub report: Report,
    /// What is here now. `None` where nothing was written.
    pub here: Option<Exported>,
}

/// Why the file was not read to its end. What was brought in until then stays.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file.
    #[error("it cannot be read: {0}")]
    Input(#[from] io::Error),
    /// The store, and how far it had come.
    #[error("broken off near line {line}: {failure}. Run it again: what is here by now is left alone")]
    Store {
        /// Up to here nobody is missing.
        line: u64,
        /// What failed.
        failure: PortFailure,
    },
    /// What is here now could not be read.
    #[error("everybody was brought in, but what is here could not be read after it: {0}")]
    Check(#[from] ExportError),
}

/// Brings in the users of a file, a batch at a time.
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
            match record.and_then(|record| record.incoming(place.clone())) {
                Ok(incoming) => batch.push(incoming),
                Err(problem) => imported.report.note(&place, Outcome::Refused(problem), &progress),
            }
        }
        if batch.len() == BATCH || (is_last && !batch.is_empty()) {
            let outcomes = pace::batch(&mut importer, &batch).await.map_err(|failure| {
                ImportError::Store { line: imported.lines.saturating_sub(batch.len() as u64), failure }
            })?;
            for (one, outcome) in batch.drain(..).zip(outcomes) {
                imported.report.note(&one.place, outcome, &progress);
            }
            progress.set(lines.bytes());
        }
        if is_last {
            break;
        }
    }
    if !policy.dry_run {
        let all =
            Selection { filter: UserFilter::default(), with_hashes: with_hashes || imported.lines == 0 };
        let mut here = destination.store.snapshot().await.map_err(ExportError::from)?;
        imported.here = Some(export(here.as_mut(), &all, &mut io::sink(), Progress::hidden()).await?);
    }
    Ok(imported)
}
