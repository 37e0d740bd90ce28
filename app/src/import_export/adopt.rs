use inwren_domain::PortFailure;
use inwren_domain::account::import::{
    Adoption, BATCH, Census, Destination, Importer, Incoming, OnCaseConflict, Outcome, Policy, SourceUser,
    SourceUsers, Withheld,
};
use inwren_domain::kernel::StoreError;

use super::pace;
use super::progress::Progress;
use super::report::Report;

/// Number of rows per read.
const ROWS: u16 = 1_000;

/// The result of a migration.
#[derive(Debug)]
pub struct Adopted {
    /// Statistics of the table.
    pub census: Census,
    /// The result for the users.
    pub report: Report,
}

/// Why the migration stopped early. Users imported before that stay.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// The table cannot be read.
    #[error("the table cannot be read: {0}")]
    Table(#[from] StoreError),
    /// The scan of the table does not advance.
    #[error("the table returns more rows than the {0} that it has: reading does not advance")]
    Endless(u64),
    /// The store failed.
    #[error("stopped: {0}. Run the command again: users that are imported already stay unchanged")]
    Store(PortFailure),
}

/// Imports the users of another service's table. It scans all rows first, and then imports them in batches.
pub async fn adopt(
    destination: &Destination,
    table: &mut dyn SourceUsers,
    policy: Policy,
    on_case_conflict: OnCaseConflict,
    report: Report,
) -> Result<Adopted, AdoptError> {
    let census = take_census(destination, table).await?;
    let what = if policy.dry_run { "checking users" } else { "adopting users" };
    let progress = Progress::begin(what, Some(census.rows));
    let mut adopting = Adopting {
        importer: Importer::new(destination, policy),
        batch: Vec::with_capacity(BATCH),
        report,
        progress,
    };
    let mut adoption = Adoption::after(&destination.tiers, &census, on_case_conflict);
    table.rewind();
    let mut rows = Rows { table, read: 0 };
    loop {
        let rows = rows.next().await?;
        if rows.is_empty() {
            break;
        }
        let count = rows.len() as u64;
        for row in rows {
            match adoption.read(row) {
                Ok(Some(incoming)) => adopting.take(incoming).await?,
                Ok(None) => {}
                Err(withheld) => adopting.refuse(withheld),
            }
        }
        adopting.progress.advance(count);
    }
    let (taken, left) = adoption.withheld();
    for withheld in left {
        adopting.refuse(withheld);
    }
    for incoming in taken {
        adopting.take(incoming).await?;
    }
    adopting.bring_in().await?;
    let report = adopting.report;
    Ok(Adopted { census, report })
}

/// The rows of a table, limited to the number of rows that it has.
struct Rows<'a> {
    table: &'a mut dyn SourceUsers,
    read: u64,
}

impl Rows<'_> {
    async fn next(&mut self) -> Result<Vec<SourceUser>, AdoptError> {
        let rows = self.table.next(ROWS).await?;
        self.read += rows.len() as u64;
        let has = self.table.table().rows;
        if self.read > has { Err(AdoptError::Endless(has)) } else { Ok(rows) }
    }
}

async fn take_census(destination: &Destination, table: &mut dyn SourceUsers) -> Result<Census, AdoptError> {
    let mut progress = Progress::begin("reading users", Some(table.table().rows));
    let mut census = Census::default();
    let mut rows = Rows { table, read: 0 };
    loop {
        let rows = rows.next().await?;
        if rows.is_empty() {
            return Ok(census);
        }
        rows.iter().for_each(|row| census.note(destination, row));
        progress.set(census.rows);
    }
}

struct Adopting<'a> {
    importer: Importer<'a>,
    batch: Vec<Incoming>,
    report: Report,
    progress: Progress,
}

impl Adopting<'_> {
    async fn take(&mut self, incoming: Incoming) -> Result<(), AdoptError> {
        self.batch.push(incoming);
        if self.batch.len() == BATCH { self.bring_in().await } else { Ok(()) }
    }

    async fn bring_in(&mut self) -> Result<(), AdoptError> {
        let outcomes = pace::batch(&mut self.importer, &self.batch).await.map_err(AdoptError::Store)?;
        for (one, outcome) in self.batch.drain(..).zip(outcomes) {
            self.report.note(&one.place, Some(one.email.as_str()), outcome, &self.progress);
        }
        Ok(())
    }

    fn refuse(&mut self, withheld: Withheld) {
        let Withheld { place, email, problem } = withheld;
        self.report.note(&place, email.as_deref(), Outcome::Refused(problem), &self.progress);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use async_trait::async_trait;
    use inwren_domain::account::import::SourceTable;
    use time::OffsetDateTime;

    use super::*;
    use crate::config::Config;
    use crate::wiring;

    /// A table of two rows that returns its first row on every read.
    struct Stuck(SourceTable);

    #[async_trait]
    impl SourceUsers for Stuck {
        fn table(&self) -> &SourceTable {
            &self.0
        }

        async fn next(&mut self, _: u16) -> Result<Vec<SourceUser>, StoreError> {
            Ok(vec![SourceUser {
                key: "1".to_owned(),
                id: None,
                email: None,
                hashed_password: None,
                is_active: None,
                is_superuser: None,
                is_verified: None,
                tier: None,
                created_at: None,
                updated_at: None,
                has_refresh_token: false,
                unreadable: None,
            }])
        }

        fn rewind(&mut self) {}
    }

    #[tokio::test]
    async fn a_walk_that_does_not_advance_ends() {
        let config = Config::read(&HashMap::new(), |_| None, None, OffsetDateTime::UNIX_EPOCH).unwrap();
        let destination = wiring::destination(&config, wiring::empty_store()).unwrap();
        let (name, id_type) = ("users".to_owned(), "character(36)".to_owned());
        let mut table =
            Stuck(SourceTable { name, rows: 2, id_type, read: vec![], missing: vec![], ignored: vec![] });
        let choice = OnCaseConflict::default();
        let ended = adopt(&destination, &mut table, Policy::default(), choice, Report::showing(0)).await;
        assert!(matches!(ended, Err(AdoptError::Endless(2))));
    }
}
