use std::collections::HashMap;
use std::ffi::OsString;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::error::Failed;
use super::{examples, help, suggestions};
use crate::config::{SETTINGS, Setting, has_password, shown_argument};
use crate::wiring;

/// An authentication service: users, sessions, and tokens that any service can verify.
#[derive(Debug, Parser)]
#[command(name = "inwren", version = version(), about, long_about = None, after_help = AFTER_HELP)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

/// The version, and which build of it this is.
fn version() -> String {
    format!("{} (tokens: {})", env!("CARGO_PKG_VERSION"), wiring::TOKENS)
}

const AFTER_HELP: &str = "Settings are flags (--database-url), environment variables (DATABASE_URL) or lines in .env; \
`inwren help settings` lists them. Secrets have no flag: PRIVATE_KEY_PASSPHRASE, FIRST_SUPERUSER_PASSWORD, \
OTEL_EXPORTER_OTLP_HEADERS.\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration, 3 drift.";

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the service; `inwren` alone does the same
    Serve(ServeArgs),
    /// Watch a login, offline verification and a key rotation
    Demo,
    /// Update or roll back the database schema, or show its state
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Generate, rotate, list, retire or revoke signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Generate, rotate or list the secret keys of links in letters
    #[command(subcommand)]
    Secrets(SecretsCommand),
    /// List, show, create, change, delete, import or export users
    #[command(subcommand)]
    Users(UsersCommand),
    /// Migrate users from the table of another service, such as FastAPI
    Adopt(super::adopt::AdoptArgs),
    /// Manage clients: applications that users log in to, and services
    #[command(subcommand)]
    Clients(super::clients::ClientsCommand),
    /// List audit events
    Audit(super::audit::AuditArgs),
    /// List the letters that the service sends, or retry one
    #[command(subcommand)]
    Outbox(super::outbox::OutboxCommand),
    /// Copy the SQLite database to a file while the service runs
    Backup {
        /// The new file. Only its owner may read it
        file: PathBuf,
        /// Overwrite an existing file
        #[arg(long)]
        force: bool,
    },
    /// Replace the SQLite database by a backup; stop the service first
    Restore {
        /// The backup. The replaced database is kept beside it, renamed
        file: PathBuf,
        /// End all sessions in it, so that every user has to log in again
        #[arg(long)]
        end_sessions: bool,
        /// Accept tables of other programs in it, such as the legacy service
        #[arg(long)]
        keep_other_tables: bool,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Delete expired sessions and old audit events
    Sweep,
    /// Measure the cost of password hashes
    #[command(subcommand)]
    Hash(HashCommand),
    /// Print the OpenAPI document
    Openapi,
    /// Ask a running service whether it is ready
    Healthcheck,
    /// Check the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print a completion script for a shell
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print the manual page of a command
    Man {
        /// The command, such as `keys rotate`; none prints the page of the program
        command: Vec<String>,
        /// Write the pages of all commands to this folder
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        write_to: Option<PathBuf>,
    },
    /// A command of [`Hidden`].
    #[command(skip)]
    Hidden(Hidden),
}

// Commands that no list shows: the reference is for developers of the program itself, and `settings` exists for
// `inwren help settings`. They are not part of `commands`, because shell completions and manual pages, which are
// generated from it, list every command. This is not a doc comment, because clap would start the
// output of `--help` with it.
#[derive(Debug, Subcommand)]
pub(super) enum Hidden {
    /// Print a page of the reference, as Markdown
    #[command(hide = true)]
    Reference {
        /// The page
        page: ReferencePage,
    },
    /// List all settings
    #[command(hide = true)]
    Settings,
}

/// Options of `serve`.
#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    /// Run a test server: in memory, known users, clients and key, no rate limits; logs to stderr
    #[arg(long)]
    pub(super) ephemeral: bool,
    /// Allow a HOST that other machines can reach, although passwords and key are public
    #[arg(long, requires = "ephemeral")]
    pub(super) expose: bool,
    /// Print address, users and clients as one line of JSON instead of NAME=VALUE lines
    #[arg(long, requires = "ephemeral")]
    pub(super) json: bool,
}

/// The pages that are generated from the code.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReferencePage {
    /// All settings.
    Configuration,
    /// All problems.
    Problems,
    /// All commands.
    CommandLine,
}

/// Commands on the schema.
#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply all pending migrations
    Up,
    /// Roll back the last migrations; data in the tables that they created is lost
    Down {
        /// The number of migrations
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Show applied and pending migrations
    Status {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Commands on keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Generate a key pair at PRIVATE_KEY_PATH and PUBLIC_KEY_PATH
    Generate {
        /// Modulus in bits. 3072 signs at a third of the speed of 2048, 4096 at a seventh
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
        /// Do nothing if a key exists, for scripts that may run more than once
        #[arg(long)]
        if_missing: bool,
    },
    /// Create the next key: published now, signs after verifiers had time to fetch it
    Rotate {
        /// Modulus in bits
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
        /// Sign with it now. Verifiers with cached keys refuse its tokens until they fetch again
        #[arg(long)]
        now: bool,
    },
    /// List all keys with their state
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Discard a pending key; the signing key retires when the next one starts to sign
    Retire {
        /// The key id
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Refuse all tokens that a key has signed; their users have to log in again
    Revoke {
        /// The key id
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Do not ask for confirmation (formerly `--emergency`, which still works)
        #[arg(long, alias = "emergency")]
        yes: bool,
        /// Modulus of the replacement key in bits
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
    },
}

/// Commands on secret keys.
#[derive(Debug, Subcommand)]
pub(super) enum SecretsCommand {
    /// Create the file of SECRET_KEY_PATH with a new key
    Generate {
        /// Do nothing if the file exists, for scripts that may run more than once
        #[arg(long)]
        if_missing: bool,
    },
    /// Add a key for new links and codes. Former keys stay in the file while their links are valid
    Rotate,
    /// List all keys with their state, without the keys themselves
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Commands on users.
#[derive(Debug, Subcommand)]
pub(super) enum UsersCommand {
    /// List users
    List(super::users_list::ListArgs),
    /// Show a user
    Show {
        /// The user's e-mail address or id
        user: String,
        /// Print JSON, in the form of the API
        #[arg(long)]
        json: bool,
    },
    /// Let a user log in again
    Activate {
        /// The user's e-mail address or id
        user: String,
    },
    /// Stop a user from logging in, and revoke all sessions of the user
    Deactivate {
        /// The user's e-mail address or id
        user: String,
    },
    /// Delete a user permanently, with all sessions
    Delete {
        /// The user's e-mail address or id
        user: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Print a link by which a user sets a new password. It is valid for 30 minutes, once
    ResetLink {
        /// The user's e-mail address or id
        user: String,
    },
    /// Remove the second factors of a user who has lost them, and revoke all sessions of the user
    ResetFactors {
        /// The user's e-mail address or id
        user: String,
        /// Why, and how the user was identified: for the audit trail
        #[arg(long, value_name = "TEXT")]
        reason: String,
    },
    /// Revoke all sessions of a user
    Logout {
        /// The user's e-mail address or id
        user: String,
    },
    /// Create a user
    Create {
        /// The e-mail address to log in with
        email: String,
        /// Make the user a superuser
        #[arg(long)]
        superuser: bool,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
    /// Write users to a file, one JSON object per line, while the service runs
    Export(super::users_export::ExportArgs),
    /// Import users from such a file while the service runs
    Import(super::users_import::ImportArgs),
    /// Set a user's password and end all sessions of the user
    SetPassword {
        /// The e-mail address of the user
        email: String,
        /// Read the password from the first line of standard input
        #[arg(long)]
        password_stdin: bool,
    },
}

/// Commands on password hashes.
#[derive(Debug, Subcommand)]
pub(super) enum HashCommand {
    /// Find Argon2id parameters for this machine and print them as settings
    Calibrate {
        /// Time per hash while all hashing threads are busy, in milliseconds
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        target_ms: u64,
        /// Memory per hash, in MiB
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(7..=4_096))]
        max_memory_mib: u32,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// Commands on the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Validate the configuration and show the values in force
    Check {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
}

/// The parsed command line.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) command: Command,
    /// The settings that were given as flags.
    pub(super) settings: HashMap<&'static str, String>,
}

/// The command line: every command with its examples, without the settings.
pub(super) fn commands() -> clap::Command {
    examples::add_to(Cli::command())
}

/// The command line as it is parsed: with the settings, which every command accepts and no help lists, and with the
/// commands that no list shows.
pub(super) fn program() -> clap::Command {
    let program = help::hint_at_settings(commands());
    let program = Hidden::augment_subcommands(program)
        .mut_subcommand("settings", |command| command.override_help(help::settings()));
    program.args(settings().map(|setting| setting.hide(true).global(true))).args(flags_of_secrets())
}

/// The settings as flags, except secrets.
pub(super) fn settings() -> impl Iterator<Item = Arg> {
    SETTINGS.iter().filter(|setting| setting.has_flag()).map(|setting| {
        let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        Arg::new(setting.name)
            .long(setting.flag())
            .value_name("VALUE")
            .help(format!("{}: {}{default}", setting.about, setting.takes))
    })
}

/// Hidden flags for secrets. They exist so that an error can name the variable to use instead.
fn flags_of_secrets() -> impl Iterator<Item = Arg> {
    let secrets = SETTINGS.iter().filter(|setting| !setting.has_flag());
    secrets.map(|setting| Arg::new(setting.name).long(setting.flag()).num_args(0..=1).hide(true).global(true))
}

/// Parses the command line. If it is invalid, prints a message and exits. Returns an error if it contains a secret,
/// because other users of the machine can read command lines.
pub(super) fn parse() -> Result<Parsed, Failed> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let mut program = program();
    let matches = match program.try_get_matches_from_mut(&arguments) {
        Ok(matches) => matches,
        Err(error) => without_secrets(suggestions::improve(error, &program, &arguments)).exit(),
    };
    refuse_secrets(&matches)?;
    let given =
        |setting: &Setting| Some((setting.name, matches.try_get_one::<String>(setting.name).ok()??.clone()));
    let settings = SETTINGS.iter().filter_map(given).collect();
    let command = match Hidden::from_arg_matches(&matches) {
        Ok(hidden) => Command::Hidden(hidden),
        Err(_) => {
            let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| without_secrets(error).exit());
            cli.command.unwrap_or(Command::Serve(ServeArgs::default()))
        }
    };
    Ok(Parsed { command, settings })
}

fn refuse_secrets(matches: &ArgMatches) -> Result<(), Failed> {
    for setting in SETTINGS.iter().filter(|setting| setting.secret) {
        let (name, flag) = (setting.name, setting.flag());
        let value = matches.try_get_one::<String>(name).ok().flatten();
        if setting.has_flag() {
            if value.is_some_and(|url| has_password(url)) {
                return Err(Failed::Usage(format!(
                    "--{flag}: the URL has a password, and other users of this machine can read command lines: set the \
                     variable {name}"
                )));
            }
        } else if matches.try_contains_id(name).unwrap_or(false) {
            let file = format!("{name}_FILE");
            let file = SETTINGS.iter().find(|setting| setting.name == file);
            let file = file.map(|file| format!(", or {}", file.name)).unwrap_or_default();
            return Err(Failed::Usage(format!(
                "--{flag} is not accepted: other users of this machine can read command lines: set the variable \
                 {name}{file}"
            )));
        }
    }
    Ok(())
}

/// Masks the arguments of an error that look like secrets.
fn without_secrets(mut error: clap::Error) -> clap::Error {
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        if let Some(ContextValue::String(text)) = error.get(kind)
            && shown_argument(text).is_none()
        {
            error.insert(kind, ContextValue::String("***".to_owned()));
            // The suggestion repeats the argument.
            error.remove(ContextKind::Suggested);
        }
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_names_every_secret_without_a_flag() {
        for setting in SETTINGS.iter().filter(|setting| !setting.has_flag()) {
            assert!(AFTER_HELP.contains(setting.name), "{}", setting.name);
        }
    }
}
