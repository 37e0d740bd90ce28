use inwren_domain::store::{FormerAddress, Maintenance, Migration, MigrationError, Schema};
use serde_json::json;

use super::args::MigrateCommand;
use super::error::{Failed, Outcome};
use super::support::{absolute, confirm, count, place, require_database, say, say_place};
use crate::config::Config;
use crate::runtime::start::StartError;
use crate::wiring;

/// Runs a command on the schema of the configured database.
pub(super) async fn run(config: &Config, command: MigrateCommand) -> Outcome {
    // Only `up` creates a database.
    if !matches!(command, MigrateCommand::Up) {
        require_database(config)?;
    }
    if let MigrateCommand::Down { steps, yes } = command {
        let migrations = count(steps.into(), "last migration", "last migrations");
        confirm(
            &format!(
                "This reverts the {migrations} of {}. The data in the tables and columns that they added is lost.",
                place(config)
            ),
            yes,
        )?;
    }
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    let Some(maintenance) = &opened.maintenance else {
        return Err(Failed::Usage("DATABASE_URL: a store in memory has no schema to migrate".to_owned()));
    };
    match command {
        MigrateCommand::Up => {
            if maintenance.schema().await.map_err(Failed::because)? == Schema::Foreign {
                return Err(Failed::because(StartError::SourceUsers));
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
            say_place(config);
            if wiring::key_store(config).generate_first().map_err(Failed::because)?.is_some() {
                say(&format!("private key: {}", absolute(&config.keys.private).display()));
            }
        }
        MigrateCommand::Down { steps, .. } => {
            let reverted = maintenance.migrate_down(steps).await.map_err(Failed::because)?;
            for name in &reverted {
                say(&format!("reverted {name}"));
            }
            if reverted.is_empty() {
                say("nothing to do");
            }
            say_place(config);
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
        let users = count(found.len() as u64, "user keeps", "users keep");
        say(&format!("{users} the former form of the e-mail address:"));
    }
    for FormerAddress { user, holder } in found {
        say(&match holder {
            Some(holder) => format!("user {user}: the user {holder} has the ASCII form of the address"),
            None => format!("user {user}: the address has no ASCII form"),
        });
    }
    Ok(())
}
