use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use inwren_domain::account::import::{Destination, OnConflict, Policy, UnknownHash, UnknownTier};
use serde_json::json;

use super::error::{Failed, Outcome};
use super::support::say;
use crate::import_export::{Imported, Progress, Report, import};

/// From where, and what to do where there is a choice.
#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The file; `-` is standard input
    file: PathBuf,
    #[command(flatten)]
    choices: Choices,
    /// What becomes of users who are here already and differ. Nobody's address is ever taken from them
    #[arg(long, value_enum, default_value = "refuse")]
    on_conflict: Conflict,
}

/// What importing a file and adopting a table have in common.
#[derive(Debug, Args)]
pub(super) struct Choices {
    /// Only try it, and write nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    /// What becomes of users whose tier is not in TIERS: left out, taken with it, or given the default one
    #[arg(long, value_enum, default_value = "refuse")]
    unknown_tier: TierChoice,
    /// What becomes of users whose password hash is of no known form: left out, or taken without a password
    #[arg(long, value_enum, default_value = "refuse")]
    unknown_hash: HashChoice,
    /// How many problems to tell one by one; all are counted
    #[arg(long, default_value_t = 20)]
    pub(super) show_problems: usize,
    /// Tell what was done as JSON
    #[arg(long)]
    pub(super) json: bool,
}

impl Choices {
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

/// What becomes of users who are here already and differ.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(super) enum Conflict {
    /// They are told as a problem, and left as they are
    Refuse,
    /// They are left as they are
    Skip,
    /// They become what is in the file; who loses a right or gets another password loses all sessions
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

/// Imports users from a file.
pub(super) async fn run(destination: &Destination, args: ImportArgs) -> Outcome {
    let policy = args.choices.policy(args.on_conflict);
    let report = Report::showing(args.choices.show_problems);
    let imported = if args.file == Path::new("-") {
        let progress = Progress::begin("importing: bytes read", None);
        import(destination, policy, BufReader::new(io::stdin()), progress, report).await
    } else {
        let failed = |error: io::Error| Failed::Failed(format!("{}: {error}", args.file.display()));
        let file = File::open(&args.file).map_err(failed)?;
        let size = file.metadata().map_err(failed)?.len();
        import(destination, policy, BufReader::new(file), Progress::begin("importing", Some(size)), report)
            .await
    };
    let imported = imported.map_err(Failed::because)?;
    if args.choices.json {
        say(&json_of(&imported, policy.dry_run).to_string());
    } else {
        tell(&imported, policy.dry_run);
    }
    match imported.report.refused {
        0 => Ok(()),
        refused => Err(Failed::Failed(format!("{refused} of {} users were refused", imported.lines))),
    }
}

fn tell(imported: &Imported, dry_run: bool) {
    say(&format!("{} users in the file, checksum {}", imported.lines, imported.checksum));
    imported.report.lines(dry_run).iter().for_each(|line| say(line));
    if let Some(here) = &imported.here {
        say(&format!("{} users in the database, checksum {}", here.users, here.checksum));
        if is_same(imported) {
            say("The database has exactly the users of the file.");
        }
    }
}

fn is_same(imported: &Imported) -> bool {
    imported.here.is_some_and(|here| here.users == imported.lines && here.checksum == imported.checksum)
}

fn json_of(imported: &Imported, dry_run: bool) -> serde_json::Value {
    imported.report.with(json!({
        "dry_run": dry_run,
        "file": { "users": imported.lines, "checksum": imported.checksum.to_string() },
        "database": imported.here.map(|here| json!({ "users": here.users, "checksum": here.checksum.to_string() })),
        "same": is_same(imported),
    }))
}
