use std::collections::HashSet;
use std::path::Path;

use inwren_adapters::sql::Contents;
use time::OffsetDateTime;

use super::backup::{sqlite_file, told};
use super::confirm::confirm;
use super::output::say;
use super::{Failed, Outcome};
use crate::config::Config;
use crate::wiring;

/// Puts a backup in the place of the configured SQLite database.
pub(super) async fn run(config: &Config, backup: &Path, end_sessions: bool, yes: bool) -> Outcome {
    let database = sqlite_file(config)?;
    confirm(
        &format!(
            "This puts {} in the place of {}. What was written since the backup is in neither of them: it stays in the \
             database that is kept aside.",
            backup.display(),
            database.path().display()
        ),
        yes,
    )?;
    let mut staged = database.stage(backup).await.map_err(Failed::because)?;
    let behind = missing_migrations(staged.contents())?;
    let now = wiring::clock().now();
    let ended = match end_sessions {
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
    let known: HashSet<String> = inwren_migration::names().into_iter().collect();
    if let Some(unknown) = contents.migrations.iter().find(|name| !known.contains(*name)) {
        return Err(Failed::Failed(format!(
            "the backup was made by a newer release: it has the migration {unknown}; restore it with that release"
        )));
    }
    Ok(known.len() - contents.migrations.len())
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
