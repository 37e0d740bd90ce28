use std::path::Path;

use time::OffsetDateTime;

use super::error::{Failed, Outcome};
use super::support::{absolute, confirm, count, say};
use crate::config::Config;
use crate::wiring;
use crate::wiring::sqlite_file::{Contents, Deviation, missing_migrations, sqlite_file, unexpected};

/// The options of a restore.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    /// Whether to end all sessions in the backup.
    pub(super) end_sessions: bool,
    /// Whether to accept tables that do not belong to this service.
    pub(super) keep_other_tables: bool,
    /// Whether the operator has confirmed already.
    pub(super) yes: bool,
}

/// Replaces the configured SQLite database with a backup.
pub(super) async fn run(config: &Config, backup: &Path, wanted: Wanted) -> Outcome {
    let database = sqlite_file(&config.database.target).map_err(|error| Failed::Usage(error.to_string()))?;
    confirm(
        &format!(
            "This replaces the database {} with {}. The present database is kept under another name, with all changes \
             since the backup.",
            absolute(database.path()).display(),
            backup.display()
        ),
        wanted.yes,
    )?;
    let mut staged = database.stage(backup).await.map_err(Failed::because)?;
    let behind = missing_migrations(staged.contents()).map_err(Failed::because)?;
    let found = unexpected(staged.path(), staged.contents()).await.map_err(Failed::because)?;
    refuse_deviations(&found, wanted.keep_other_tables)?;
    let now = wiring::clock().now();
    let ended = match wanted.end_sessions {
        true => Some(staged.end_sessions(now).await.map_err(Failed::because)?),
        false => None,
    };
    let contents = summary(staged.contents());
    let kept = staged.put_in_place(&suffix(now)).await.map_err(Failed::because)?;
    say(&format!("restored {} from {}", absolute(database.path()).display(), backup.display()));
    say(&contents);
    if let Some(ended) = ended {
        say(&format!("revoked {}", count(ended, "session", "sessions")));
    }
    if let Some(kept) = kept {
        say(&format!("The previous database is {}; delete it when you no longer need it.", kept.display()));
    }
    if behind > 0 {
        let behind = count(behind as u64, "migration", "migrations");
        say(&format!("The schema is behind by {behind}: run `inwren migrate up`."));
    }
    Ok(())
}

/// A one-line summary of a backup.
pub(super) fn summary(contents: &Contents) -> String {
    let Contents { bytes, migrations: _, users, sessions, clients, audit_events } = contents;
    format!(
        "{bytes} bytes: {}, {}, {}, {}",
        count(*users, "user", "users"),
        count(*sessions, "session", "sessions"),
        count(*clients, "client", "clients"),
        count(*audit_events, "audit event", "audit events"),
    )
}

fn refuse_deviations(found: &[Deviation], keep_other_tables: bool) -> Outcome {
    let refused: Vec<&Deviation> =
        found.iter().filter(|found| !(keep_other_tables && found.is_other_table())).collect();
    if refused.is_empty() {
        return Ok(());
    }
    let advice = match refused.iter().all(|refused| refused.is_other_table()) {
        true => "If these tables are yours, add --keep-other-tables to restore them too.",
        false => {
            "If you made the change, undo it with sqlite3 in a copy of the backup, and restore the copy."
        }
    };
    Err(Failed::Reason(format!(
        "the schema of the backup differs from the one that its migrations create, so the backup may have been tampered \
         with: {}. {advice}",
        listed(refused)
    )))
}

/// The first ten of them, and how many more there are.
pub(super) fn listed<'a>(found: impl IntoIterator<Item = &'a Deviation>) -> String {
    const MOST: usize = 10;
    let names: Vec<String> = found.into_iter().map(ToString::to_string).collect();
    let more = names.len().saturating_sub(MOST);
    let shown = names.get(..MOST.min(names.len())).unwrap_or_default().join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more") }
}

/// The suffix of the replaced database's file name: `.before-restore-20261231T235959Z`.
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
