use std::collections::HashSet;
use std::path::Path;

use inwren_adapters::sql::{Contents, Deviation, deviations};
use time::OffsetDateTime;

use super::confirm::confirm;
use super::database_file::{sqlite_file, told};
use super::error::{Failed, Outcome};
use super::output::say;
use crate::config::Config;
use crate::wiring;

/// How to restore.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Whether all sessions in the backup end.
    pub(super) end_sessions: bool,
    /// Whether tables that are not of this service are accepted.
    pub(super) keep_other_tables: bool,
    /// Whether the operator has confirmed already.
    pub(super) yes: bool,
}

/// Puts a backup in the place of the configured SQLite database.
pub(super) async fn run(config: &Config, backup: &Path, wanted: Wanted) -> Outcome {
    let database = sqlite_file(config)?;
    confirm(
        &format!(
            "This puts {} in the place of {}. What was written since the backup is in neither of them: it stays in the \
             database that is kept aside.",
            backup.display(),
            database.path().display()
        ),
        wanted.yes,
    )?;
    let mut staged = database.stage(backup).await.map_err(Failed::because)?;
    let behind = missing_migrations(staged.contents())?;
    refuse_deviations(unexpected(staged.path(), staged.contents()).await?, wanted.keep_other_tables)?;
    let now = wiring::clock().now();
    let ended = match wanted.end_sessions {
        true => Some(staged.end_sessions(now).await.map_err(Failed::because)?),
        false => None,
    };
    let contents = told(staged.contents());
    let kept = staged.put_in_place(&suffix(now)).await.map_err(Failed::because)?;
    say(&format!("restored {} from {}", database.path().display(), backup.display()));
    say(&contents);
    if let Some(ended) = ended {
        say(&format!("ended {ended} sessions"));
    }
    if let Some(kept) = kept {
        say(&format!("The database before is {}; delete it when you need it no more.", kept.display()));
    }
    if behind > 0 {
        say(&format!("Its schema is behind by {behind} migration(s): run `inwren migrate up`."));
    }
    Ok(())
}

/// How many migrations the backup is behind this release. One that a newer release has migrated is refused: this one
/// would not understand it.
fn missing_migrations(contents: &Contents) -> Result<usize, Failed> {
    let names = inwren_migration::names();
    let known: HashSet<&String> = names.iter().collect();
    if let Some(unknown) = contents.migrations.iter().find(|name| !known.contains(*name)) {
        return Err(Failed::Failed(format!(
            "the backup was made by a newer release: it has the migration {unknown}; restore it with that release"
        )));
    }
    let applied: HashSet<&String> = contents.migrations.iter().collect();
    match names.iter().take(applied.len()).find(|name| !applied.contains(name)) {
        Some(missing) => {
            Err(Failed::Failed(format!("the backup is not of any release: it lacks the migration {missing}")))
        }
        None => Ok(names.len() - applied.len()),
    }
}

/// What is in a backup that the migrations it names do not make. A trigger in it could make every user a superuser.
pub(super) async fn unexpected(file: &Path, contents: &Contents) -> Result<Vec<Deviation>, Failed> {
    let reference =
        inwren_migration::sqlite_reference(contents.migrations.len()).await.map_err(Failed::because)?;
    let found = deviations(file, &reference).await.map_err(Failed::because);
    reference.close().await.map_err(Failed::because)?;
    found
}

fn refuse_deviations(found: Vec<Deviation>, keep_other_tables: bool) -> Outcome {
    let refused: Vec<&Deviation> =
        found.iter().filter(|found| !(keep_other_tables && found.is_other_table())).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let advice = match refused.iter().all(|refused| refused.is_other_table()) {
        true => "If these tables are yours, --keep-other-tables restores them too.",
        false => {
            "If you made the change, undo it with sqlite3 in a copy of the backup, and restore the copy."
        }
    };
    Err(Failed::Failed(format!(
        "the schema of the backup is not the one that its migrations make, so it may have been tampered with: {}. {advice}",
        listed(refused)
    )))
}

/// The first few of them.
pub(super) fn listed<'a>(found: impl IntoIterator<Item = &'a Deviation>) -> String {
    const MOST: usize = 10;
    let names: Vec<String> = found.into_iter().map(ToString::to_string).collect();
    let more = names.len().saturating_sub(MOST);
    let shown = names.get(..MOST.min(names.len())).unwrap_or_default().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// `.before-restore-20261231T235959Z`: what the name of the database before ends in.
fn suffix(now: OffsetDateTime) -> String {
    let (date, time) = (now.date(), now.time());
    format!(
        ".before-restore-{}{:02}{:02}T{:02}{:02}{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}
