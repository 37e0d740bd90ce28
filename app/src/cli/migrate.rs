use inwren_migration::FormerAddress;
use sea_orm_migration::DbErr;
use sea_orm_migration::sea_orm::DatabaseConnection;
use serde_json::json;

use super::args::MigrateCommand;
use super::confirm::confirm;
use super::error::{Failed, Outcome};
use super::output::say;
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
            } else {
                report_former_addresses(connection).await.map_err(Failed::because)?;
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

/// Lists the users whose address could not be converted, by id: addresses are personal data.
async fn report_former_addresses(connection: &DatabaseConnection) -> Result<(), DbErr> {
    let found = inwren_migration::former_addresses(connection).await?;
    if !found.is_empty() {
        say(&format!("users who keep the former form of their e-mail address: {}", found.len()));
    }
    for FormerAddress { user, holder } in found {
        say(&match holder {
            Some(holder) => format!("user {user}: user {holder} has the ASCII form of the address"),
            None => format!("user {user}: no ASCII form was found"),
        });
    }
    Ok(())
}
