use inwren_domain::store::{FormerAddress, Maintenance, Migration, MigrationError, Schema};
use serde_json::json;

use super::args::MigrateCommand;
use super::error::{Failed, Outcome};
use super::support::{confirm, say};
use crate::config::Config;
use crate::runtime::start::StartError;
use crate::wiring;

/// Runs a command on the schema of the configured database.
pub(super) async fn run(config: &Config, command: MigrateCommand) -> Outcome {
    if let MigrateCommand::Down { steps, yes } = command {
        let database = &config.database.target;
        confirm(
            &format!(
                "This takes the last {steps} migration(s) of {database} back. The data in what they made is lost."
            ),
            yes,
        )?;
    }
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(maintenance) = &opened.maintenance else {
        return Err(Failed::Usage("a memory store has no schema to migrate".to_owned()));
    };
    match command {
        MigrateCommand::Up => {
            if maintenance.schema().await.map_err(Failed::because)? == Schema::Foreign {
                return Err(Failed::because(StartError::ForeignUsers));
            }
            let applied = maintenance.migrate_up().await.map_err(Failed::because)?;
            for name in &applied {
                say(&format!("applied {name}"));
            }
            if applied.is_empty() {
                say("nothing to do");
            } else {
                report_former_addresses(&**maintenance).await.map_err(Failed::because)?;
            }
        }
        MigrateCommand::Down { steps, .. } => {
            let taken_back = maintenance.migrate_down(steps).await.map_err(Failed::because)?;
            for name in &taken_back {
                say(&format!("took back {name}"));
            }
            if taken_back.is_empty() {
                say("nothing to do");
            }
        }
        MigrateCommand::Status { json } => {
            let migrations = maintenance.migrations().await.map_err(Failed::because)?;
            if json {
                let each = migrations
                    .iter()
                    .map(|Migration { name, is_applied }| json!({ "name": name, "applied": is_applied }));
                say(&json!({ "migrations": each.collect::<Vec<_>>() }).to_string());
            } else {
                for Migration { name, is_applied } in migrations {
                    say(&format!("{} {name}", if is_applied { "applied" } else { "pending" }));
                }
            }
        }
    }
    opened.store.close().await;
    Ok(())
}

/// Lists the users whose address could not be converted. It shows ids, because addresses are personal data.
async fn report_former_addresses(maintenance: &dyn Maintenance) -> Result<(), MigrationError> {
    let found = maintenance.former_addresses().await?;
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
