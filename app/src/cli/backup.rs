use std::path::Path;

use inwren_adapters::sql::{Contents, SqliteFile};

use super::output::say;
use super::restore::{listed, unexpected};
use super::{Failed, Outcome};
use crate::config::{Config, DatabaseKind};
use crate::shutdown::StopSignals;

/// Copies the configured SQLite database to a file, while others work with it.
pub(super) async fn run(config: &Config, target: &Path, overwrite: bool) -> Outcome {
    let database = sqlite_file(config)?;
    let mut signals = StopSignals::listen().map_err(Failed::because)?;
    let contents = tokio::select! {
        contents = database.back_up(target, overwrite) => contents.map_err(Failed::because)?,
        () = signals.next() => return Err(Failed::Failed("interrupted; there is no backup".to_owned())),
    };
    say(&format!("backed up {} to {}", database.path().display(), target.display()));
    say(&told(&contents));
    let keys = config.keys.private.parent().unwrap_or(Path::new("")).display();
    say(&format!("The signing keys are not in it: keep a copy of {keys}/ with it."));
    let unexpected = unexpected(target, &contents).await?;
    if !unexpected.is_empty() {
        say(&format!(
            "warning: the database has another schema than its migrations make, and a restore refuses the backup: {}",
            listed(&unexpected)
        ));
    }
    Ok(())
}

/// What is in a backup, in a line.
pub(super) fn told(contents: &Contents) -> String {
    let Contents { bytes, migrations: _, users, sessions, service_clients, audit_events } = contents;
    format!(
        "{bytes} bytes: {users} users, {sessions} sessions, {service_clients} service clients, {audit_events} audit events"
    )
}

/// The database, if it is one that these commands are for.
pub(super) fn sqlite_file(config: &Config) -> Result<SqliteFile, Failed> {
    let DatabaseKind::Sql(url) = &config.database.kind else {
        return Err(Failed::Usage(
            "DATABASE_URL: a memory store keeps nothing, so there is nothing to back up".to_owned(),
        ));
    };
    match SqliteFile::of_url(url).map_err(Failed::because)? {
        Some(file) => Ok(file),
        None => Err(Failed::Usage(
            "DATABASE_URL is PostgreSQL, which brings its own tools: pg_dump and pg_restore. docs/operations.md shows how"
                .to_owned(),
        )),
    }
}
