use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Args, ValueEnum};
use inwren_domain::Core;
use inwren_domain::account::import::{Destination, OnConflict, Policy, UnknownHash, UnknownTier};
use inwren_domain::keyring::Keyring;
use serde_json::json;

use super::error::{Failed, Outcome};
use super::support::{count, place, say, say_place};
use crate::config::Config;
use crate::import_export::{Imported, Progress, RefusedRows, Report, import};
use crate::secrets::{self, SecretFileError};

/// What to import, and how to resolve conflicts.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    pub(super) choices: Choices,
    /// How to import users who exist already with other values. A user's address is never given to another user, and
    /// existing users keep their second factors
    #[arg(long, value_enum, default_value = "refuse")]
    on_conflict: Conflict,
}

/// The options that importing a file and importing a table share.
#[derive(Debug, Args)]
pub(super) struct Choices {
    /// Check everything, and write nothing to the database
    #[arg(long)]
    pub(super) dry_run: bool,
    /// How to import users whose tier is not in TIERS: not at all, with that tier, or with the default tier
    #[arg(long, value_enum, default_value = "refuse")]
    unknown_tier: TierChoice,
    /// How to import users whose password hash is not supported: not at all, or without a password
    #[arg(long, value_enum, default_value = "refuse")]
    unknown_hash: HashChoice,
    /// Write all refused users to this new file, one JSON object per line, without password hashes. Only its owner may
    /// read it
    #[arg(long, value_name = "FILE")]
    refused: Option<PathBuf>,
    /// Number of problems to print one by one; all are counted
    #[arg(long, default_value_t = 20)]
    pub(super) show_problems: usize,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Choices {
    /// Fails if the file for refused users exists already.
    pub(super) fn check_refused(&self) -> Outcome {
        match &self.refused {
            Some(path) if path.symlink_metadata().is_ok() => Err(exists(path)),
            _ => Ok(()),
        }
    }

    /// A report that shows this many problems, and writes refused users to the file.
    pub(super) fn report(&self, shown: usize) -> Result<Report, Failed> {
        let created = self.refused.as_deref().map(|path| {
            RefusedRows::create(path).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => exists(path),
                _ => Failed::Reason(format!("--refused: {}: {error}", path.display())),
            })
        });
        Ok(Report::showing(shown).writing(created.transpose()?))
    }

    /// Completes the file of refused users, and names it.
    pub(super) fn finish(&self, report: &mut Report) -> Outcome {
        let Some(path) = &self.refused else { return Ok(()) };
        let failed = |error| Failed::Reason(format!("--refused: {}: {error}", path.display()));
        report.finish().map_err(failed)?;
        if !self.json {
            let refused = count(report.refused, "refused user", "refused users");
            say(&format!("wrote {refused} to {}", path.display()));
        }
        Ok(())
    }

    pub(super) fn policy(&self, on_conflict: Conflict) -> Policy {
        Policy {
            on_conflict: match on_conflict {
                Conflict::Refuse => OnConflict::Refuse,
                Conflict::Skip => OnConflict::Skip,
                Conflict::Update => OnConflict::Update,
            },
            unknown_hash: match self.unknown_hash {
                HashChoice::Refuse => UnknownHash::Refuse,
                HashChoice::Reset => UnknownHash::Reset,
            },
            unknown_tier: match self.unknown_tier {
                TierChoice::Refuse => UnknownTier::Refuse,
                TierChoice::Keep => UnknownTier::Keep,
                TierChoice::Default => UnknownTier::Default,
            },
            dry_run: self.dry_run,
        }
    }
}

fn exists(path: &Path) -> Failed {
    Failed::Usage(format!("--refused: {} exists already and is not overwritten", path.display()))
}

/// How to import users who exist already with other values.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Conflict {
    /// Report a problem, and leave the user unchanged
    Refuse,
    /// Leave the user unchanged
    Skip,
    /// Overwrite the user. A user who loses a right or gets another password loses all sessions
    Update,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum TierChoice {
    Refuse,
    Keep,
    Default,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum HashChoice {
    Refuse,
    Reset,
}

/// The secret keys. Without the file, users with an authenticator app are refused.
fn keyring(config: &Config) -> Result<Option<Arc<dyn Keyring>>, Failed> {
    match secrets::keyring(&config.secret_keys.path, config.environment) {
        Ok(keyring) => Ok(Some(keyring)),
        Err(SecretFileError::Missing { .. }) => Ok(None),
        Err(error) => Err(Failed::because(error)),
    }
}

/// Imports users from a file.
pub(super) async fn run(config: &Config, core: &Core, args: ImportArgs) -> Outcome {
    let destination = &Destination { keyring: keyring(config)?, ..Destination::from(core) };
    let policy = args.choices.policy(args.on_conflict);
    let report = args.choices.report(args.choices.show_problems)?;
    let imported = if args.file == Path::new("-") {
        let progress = Progress::begin("importing: bytes read", None);
        import(destination, policy, BufReader::new(io::stdin()), progress, report).await
    } else {
        let failed = |error: io::Error| Failed::Reason(format!("{}: {error}", args.file.display()));
        let file = File::open(&args.file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        import(destination, policy, BufReader::new(file), Progress::begin("importing", Some(size)), report)
            .await
    };
    let mut imported = imported.map_err(Failed::because)?;
    if args.choices.json {
        say(&json_of(config, &imported, policy.dry_run).to_string());
    } else {
        print(&imported, policy.dry_run);
    }
    args.choices.finish(&mut imported.report)?;
    if !args.choices.json && !policy.dry_run {
        say_place(config);
    }
    match imported.report.refused {
        0 => Ok(()),
        refused => {
            Err(Failed::Reason(format!("refused {refused} of {}", count(imported.lines, "user", "users"))))
        }
    }
}

fn print(imported: &Imported, dry_run: bool) {
    let users = |number| count(number, "user", "users");
    say(&format!("{} in the file, checksum {}", users(imported.lines), imported.checksum));
    imported.report.lines(dry_run).iter().for_each(|line| say(line));
    if let Some(here) = &imported.here {
        say(&format!("{} in the database, checksum {}", users(here.users), here.checksum));
        if is_same(imported) {
            say("The database contains exactly the users of the file.");
        }
    }
}

fn is_same(imported: &Imported) -> bool {
    imported.here.is_some_and(|here| here.users == imported.lines && here.checksum == imported.checksum)
}

fn json_of(config: &Config, imported: &Imported, dry_run: bool) -> serde_json::Value {
    imported.report.with(json!({
        "dry_run": dry_run,
        "target": place(config),
        "file": { "users": imported.lines, "checksum": imported.checksum.to_string() },
        "database": imported.here.map(|here| json!({ "users": here.users, "checksum": here.checksum.to_string() })),
        "same": is_same(imported),
    }))
}
