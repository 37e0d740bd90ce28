use std::collections::HashMap;
use std::path::PathBuf;

use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;

use super::error::Failed;
use super::examples;
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

const AFTER_HELP: &str = "Settings may be given as flags, as environment variables (DATABASE_URL for --database-url) \
or in a file .env;\n`inwren --help` lists them. Secrets have no flag: PRIVATE_KEY_PASSPHRASE, FIRST_SUPERUSER_PASSWORD, \
OTEL_EXPORTER_OTLP_HEADERS.\nExit codes: 0 done, 1 failed, 2 wrong usage or configuration.";

/// What to do.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Run the service (what `inwren` alone does)
    Serve(ServeArgs),
    /// Bring the database schema up to date, back, or show where it is
    #[command(subcommand)]
    Migrate(MigrateCommand),
    /// Manage signing keys
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Manage users in the database
    #[command(subcommand)]
    Users(UsersCommand),
    /// Take over the users of another service from its table
    Adopt(super::adopt::AdoptArgs),
    /// Manage service clients: services that ask on their own behalf
    #[command(subcommand)]
    Clients(ClientsCommand),
    /// Copy the SQLite database to a file, while the service runs
    Backup {
        /// Where to. Only its owner may read it
        file: PathBuf,
        /// Overwrite the file if it is there
        #[arg(long)]
        force: bool,
    },
    /// Put a backup in the place of the SQLite database, which is kept aside; the service must be stopped
    Restore {
        /// The backup
        file: PathBuf,
        /// End all sessions in it: everybody has to log in again
        #[arg(long)]
        end_sessions: bool,
        /// Accept tables in it that are not of this service, such as those of the service before
        #[arg(long)]
        keep_other_tables: bool,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Delete now what is kept no longer: ended sessions and old audit events
    Sweep,
    /// Find out what password hashes cost
    #[command(subcommand)]
    Hash(HashCommand),
    /// Print the OpenAPI document
    Openapi,
    /// Ask the running service whether it is well
    Healthcheck,
    /// Look at the configuration
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print what lets a shell complete commands and options
    Completions {
        /// Which shell
        shell: Shell,
    },
    /// Print the manual page of a command
    Man {
        /// The command, such as `keys rotate`; the whole program if there is none
        command: Vec<String>,
        /// Write the pages of all commands to this folder instead
        #[arg(long, value_name = "FOLDER", conflicts_with = "command")]
        write_to: Option<PathBuf>,
    },
    /// A command of [`Hidden`].
    #[command(skip)]
    Hidden(Hidden),
}

// Commands for developers of the program itself. They are not part of `commands`, because shell completions and manual
// pages, which are generated from it, list every command. This is not a doc comment, because clap would start the
// output of `--help` with it.
#[derive(Debug, Subcommand)]
pub(super) enum Hidden {
    /// Print a page of the reference, as Markdown
    #[command(hide = true)]
    Reference {
        /// Which one
        page: ReferencePage,
    },
}

/// How to run the service.
#[derive(Debug, Default, Args)]
pub(super) struct ServeArgs {
    /// Be a test double: everything in memory, known users, a known key, no rate limits; the log goes to standard error
    #[arg(long)]
    pub(super) ephemeral: bool,
    /// Let HOST be an address that others can reach, though everybody knows the passwords and the key
    #[arg(long, requires = "ephemeral")]
    pub(super) expose: bool,
    /// Print the address and the users as one line of JSON, instead of NAME=VALUE lines
    #[arg(long, requires = "ephemeral")]
    pub(super) json: bool,
}

/// The pages that are made from the code.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum ReferencePage {
    /// All settings.
    Configuration,
    /// All problems.
    Problems,
    /// All commands.
    CommandLine,
}

/// What to do with the schema.
#[derive(Debug, Subcommand)]
pub(super) enum MigrateCommand {
    /// Apply all pending migrations
    Up,
    /// Take the last migrations back; the data in what they made is lost
    Down {
        /// How many
        #[arg(default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
        steps: u32,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
    /// Show which migrations are applied
    Status {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to do with keys.
#[derive(Debug, Subcommand)]
pub(super) enum KeysCommand {
    /// Make a new key pair at PRIVATE_KEY_PATH and PUBLIC_KEY_PATH
    Generate {
        /// Size of the modulus. 3072 signs at about a third of the speed of 2048, 4096 at about a seventh
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
        /// Do nothing if there is one already: for scripts that may run more than once
        #[arg(long)]
        if_missing: bool,
    },
    /// Make the next key: it is published at once, and signs once every verifier can know it
    Rotate {
        /// Size of the modulus
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
        /// Let it sign at once. Verifiers that keep the public keys refuse its tokens until they ask again
        #[arg(long)]
        now: bool,
    },
    /// Show all keys and what they do
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Give a pending key up before it signs; a key that signs retires by itself when the next one begins
    Retire {
        /// The key
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
    /// Refuse everything that a key has signed, from now on: its users have to log in again
    Revoke {
        /// The key
        #[arg(allow_hyphen_values = true)]
        kid: String,
        /// Do not ask. It used to be called `--emergency`, which is understood still
        #[arg(long, alias = "emergency")]
        yes: bool,
        /// Size of the modulus of the key that takes its place
        #[arg(long, default_value_t = 2048, value_parser = clap::value_parser!(u16).range(2048..=4096))]
        bits: u16,
    },
}

/// What to do with users.
#[derive(Debug, Subcommand)]
pub(super) enum UsersCommand {
    /// Make a user
    Create {
        /// The e-mail address to log in with
        email: String,
        /// Let the user administer the others
        #[arg(long)]
        superuser: bool,
        /// Read the password from the first line of standard input, instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
    /// Write users to a file, one JSON object a line, while the service runs
    Export(super::users_export::ExportArgs),
    /// Bring in users from such a file, while the service runs
    Import(super::users_import::ImportArgs),
    /// Set a user's password; all the user's sessions end
    SetPassword {
        /// The e-mail address of the user
        email: String,
        /// Read the password from the first line of standard input, instead of asking for it
        #[arg(long)]
        password_stdin: bool,
    },
}

/// What to do with service clients.
#[derive(Debug, Subcommand)]
pub(super) enum ClientsCommand {
    /// Make a client, and print its id and, this once, its secret
    Create {
        /// What people call it
        name: String,
    },
    /// Show all clients
    List {
        /// As JSON
        #[arg(long)]
        json: bool,
    },
    /// Take a client's access away, for good
    Revoke {
        /// The id of the client
        id: uuid::Uuid,
        /// Do not ask
        #[arg(long)]
        yes: bool,
    },
}

/// What to do with password hashes.
#[derive(Debug, Subcommand)]
pub(super) enum HashCommand {
    /// Find Argon2id parameters for this machine, and print them as settings
    Calibrate {
        /// How long one hash may take while all hashing threads are busy, in milliseconds
        #[arg(long, default_value_t = 250, value_parser = clap::value_parser!(u64).range(1..=10_000))]
        target_ms: u64,
        /// How much memory one hash may take, in MiB
        #[arg(long, default_value_t = 256, value_parser = clap::value_parser!(u32).range(7..=4_096))]
        max_memory_mib: u32,
        /// As JSON
        #[arg(long)]
        json: bool,
    },
}

/// What to do with the configuration.
#[derive(Debug, Subcommand)]
pub(super) enum ConfigCommand {
    /// Check the configuration, and show what is in force
    Check {
        /// As JSON
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

/// The command line with the settings, which every command accepts.
pub(super) fn commands_and_settings() -> clap::Command {
    commands().args(settings().map(|setting| setting.global(true)))
}

/// The settings as flags, except secrets.
pub(super) fn settings() -> impl Iterator<Item = Arg> {
    SETTINGS.iter().filter(|setting| setting.has_flag()).map(|setting| {
        let default = setting.default.map(|default| format!(" [default: {default}]")).unwrap_or_default();
        Arg::new(setting.name)
            .long(setting.flag())
            .value_name("VALUE")
            // There are too many settings for the short help of a command.
            .hide_short_help(true)
            .help(format!("{}: {}{default}{}", setting.about, setting.takes, without_password(setting)))
            .help_heading("Settings")
    })
}

fn without_password(setting: &Setting) -> &'static str {
    if setting.is_address() { " (as a flag, without a password)" } else { "" }
}

/// Hidden flags for secrets. They exist so that an error can name the variable to use instead.
fn flags_of_secrets() -> impl Iterator<Item = Arg> {
    let secrets = SETTINGS.iter().filter(|setting| !setting.has_flag());
    secrets.map(|setting| Arg::new(setting.name).long(setting.flag()).num_args(0..=1).hide(true).global(true))
}

/// Parses the command line. If it is invalid, prints a message and exits. Returns an error if it contains a secret,
/// because other users of the machine can read command lines.
pub(super) fn parse() -> Result<Parsed, Failed> {
    let program = Hidden::augment_subcommands(commands_and_settings().args(flags_of_secrets()));
    let matches = program.try_get_matches().unwrap_or_else(|error| without_secrets(error).exit());
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
    fn the_help_names_every_secret_that_has_no_flag() {
        for setting in SETTINGS.iter().filter(|setting| !setting.has_flag()) {
            assert!(AFTER_HELP.contains(setting.name), "{}", setting.name);
        }
    }
}
