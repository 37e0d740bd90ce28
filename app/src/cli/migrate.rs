use serde_json::json;

use super::args::MigrateCommand;
use super::confirm::confirm;
use super::output::say;
use super::{Failed, Outcome};
use crate::config::Config;
use crate::{start, wiring};

/// Works on the schema of the configured database.
pub(super) async fn run(config: &Config, command: MigrateCommand) -> Outcome {
    if let MigrateCommand::Down { steps, yes } = command {
        let database = config.database.shown();
        confirm(
            &format!(
                "This takes the last {steps} migration(s) of {database} back. The data in what they made is lost."
            ),
            yes,
        )?;
    }
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(database) = opened.database else {
        return Err(Failed::Usage("a memory store has no schema to migrate".to_owned()));
    };
    let connection = database.writer();
    match command {
        MigrateCommand::Up => {
            start::refuse_foreign_users(connection).await.map_err(Failed::because)?;
            let applied = inwren_migration::migrate_up(connection).await.map_err(Failed::because)?;
            for name in &applied {
                say(&format!("applied {name}"));
            }
            if applied.is_empty() {
                say("nothing to do");
            }
        }
        MigrateCommand::Down { steps, .. } => {
            let taken_back =
                inwren_migration::migrate_down(connection, steps).await.map_err(Failed::because)?;
            for name in &taken_back {
                say(&format!("took back {name}"));
            }
            if taken_back.is_empty() {
                say("nothing to do");
            }
        }
        MigrateCommand::Status { json } => {
            let status = inwren_migration::status(connection).await.map_err(Failed::because)?;
            if json {
                let each = status.iter().map(|(name, applied)| json!({ "name": name, "applied": applied }));
                say(&json!({ "migrations": each.collect::<Vec<_>>() }).to_string());
            } else {
                for (name, applied) in status {
                    say(&format!("{} {name}", if applied { "applied" } else { "pending" }));
                }
            }
        }
    }
    opened.store.close().await;
    Ok(())
}
