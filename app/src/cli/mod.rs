//! The command line.

mod adopt;
mod args;
mod audit;
mod backup;
mod clients;
mod completions;
mod config_check;
mod demo;
mod error;
mod examples;
mod hash;
mod healthcheck;
mod help;
mod keys;
mod man;
mod migrate;
mod openapi;
mod outbox;
mod page_args;
mod reference;
mod restore;
mod secrets;
mod serve;
mod serve_ephemeral;
mod suggestions;
mod support;
mod sweep;
mod users;
mod users_admin;
mod users_export;
mod users_import;
mod users_list;

use std::process::ExitCode;

use crate::config::Config;
use crate::wiring;
use args::{Command, ConfigCommand, Hidden, Parsed, UsersCommand};
use error::{Failed, Outcome};
use support::{complain, say};

/// Parses the command line and runs the command.
pub async fn run() -> ExitCode {
    let outcome = match args::parse() {
        Ok(parsed) => dispatch(parsed).await,
        Err(refused) => Err(refused),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed::Reason(message)) => {
            complain(&message);
            ExitCode::from(1)
        }
        Err(Failed::Usage(message)) => {
            complain(&message);
            ExitCode::from(2)
        }
        Err(Failed::Drift) => ExitCode::from(3),
    }
}

async fn dispatch(parsed: Parsed) -> Outcome {
    let config = || {
        let config = Config::load(&parsed.settings, wiring::clock().now());
        config.map_err(|error| Failed::Usage(error.to_string()))
    };
    let serving = || {
        let config = Config::load_to_serve(&parsed.settings, wiring::clock().now());
        config.map_err(|error| Failed::Usage(error.to_string()))
    };
    match parsed.command {
        Command::Serve(arguments) if arguments.ephemeral => {
            serve_ephemeral::run(&parsed.settings, &arguments).await
        }
        Command::Serve(_) => serve::run(&serving()?).await,
        Command::Demo => demo::run(&parsed.settings).await,
        Command::Migrate(command) => migrate::run(&config()?, command).await,
        Command::Keys(command) => keys::run(&config()?, command),
        Command::Secrets(command) => secrets::run(&config()?, command),
        // The link contains PUBLIC_URL, which only commands that serve clients require.
        Command::Users(command @ UsersCommand::ResetLink { .. }) => users::run(&serving()?, command).await,
        Command::Users(command) => users::run(&config()?, command).await,
        Command::Adopt(args) => adopt::run(&config()?, args).await,
        Command::Clients(command) => clients::run(&config()?, command).await,
        Command::Audit(args) => audit::run(&config()?, args).await,
        Command::Outbox(command) => outbox::run(&config()?, command).await,
        Command::Backup { file, force } => backup::run(&config()?, &file, force).await,
        Command::Restore { file, end_sessions, keep_other_tables, yes } => {
            let wanted = restore::Wanted { end_sessions, keep_other_tables, yes };
            restore::run(&config()?, &file, wanted).await
        }
        Command::Sweep => sweep::run(&config()?).await,
        Command::Hash(command) => hash::run(&config()?, command),
        Command::Openapi => {
            openapi::run(&config()?);
            Ok(())
        }
        Command::Healthcheck => healthcheck::run(&config()?).await,
        Command::Config(ConfigCommand::Check { json }) => {
            config_check::run(&serving()?, &parsed.settings, json)
        }
        Command::Completions { shell } => completions::run(shell),
        Command::Man { command, write_to } => man::run(&command, write_to.as_deref()),
        Command::Hidden(Hidden::Reference { page }) => reference::run(page),
        Command::Hidden(Hidden::Settings) => {
            say(help::settings().to_string().trim_end());
            Ok(())
        }
    }
}
