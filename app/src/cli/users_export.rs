use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use inwren_domain::Core;
use inwren_domain::account::{Tier, UserFilter};
use serde_json::json;

use super::error::{Failed, Outcome};
use super::support::{count, say, warn};
use crate::config::Config;
use crate::import_export::{Exported, ExportedFactors, Progress, Selection, export};
use crate::runtime::private_file::{PRIVATE_MODE, create_new};
use crate::runtime::shutdown::StopSignals;
use crate::secrets;

/// Which users to export, and where to.
#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The file to write; `-` is standard output. Only its owner may read the file
    #[arg(default_value = "-")]
    file: PathBuf,
    /// Export no password hashes and no second factors
    #[arg(long)]
    without_hashes: bool,
    /// Export the secrets of authenticator apps in plaintext, for a service with other secret keys. Protect the file like
    /// the secret keys
    #[arg(long, conflicts_with_all = ["without_hashes", "checksum_only"])]
    with_secrets: bool,
    /// Print only the number of users and the checksum
    #[arg(long, conflicts_with_all = ["file", "force"])]
    checksum_only: bool,
    /// Overwrite the file if it exists
    #[arg(long)]
    force: bool,
    /// Only users of this tier
    #[arg(long)]
    tier: Option<String>,
    /// Only users whose address has this prefix; case is ignored, and the domain may be in either form
    #[arg(long)]
    email_prefix: Option<String>,
    /// Only active users, or only inactive ones
    #[arg(long)]
    active: Option<bool>,
    /// Only superusers, or only other users
    #[arg(long)]
    superuser: Option<bool>,
    /// Print the number of users and the checksum as JSON
    #[arg(long)]
    json: bool,
}

/// Exports users.
pub(super) async fn run(config: &Config, core: &Core, args: ExportArgs) -> Outcome {
    let mut filter =
        UserFilter::default().with_email_prefix(args.email_prefix.as_deref().unwrap_or_default());
    filter.tier = args.tier.clone().map(Tier::from_stored);
    filter.is_active = args.active;
    filter.is_superuser = args.superuser;
    let factors = exported_factors(config, &args)?;
    let selection = Selection { filter, with_hashes: !args.without_hashes, factors };
    if args.checksum_only {
        let exported = written(core, &selection, &mut io::sink()).await?;
        say(&summary(&exported, args.json));
    } else if args.file == Path::new("-") {
        let exported = written(core, &selection, &mut BufWriter::new(io::stdout())).await?;
        // Standard output contains the users.
        let _ = writeln!(io::stderr(), "{}", summary(&exported, args.json));
    } else {
        let exported = to_file(core, &selection, &args.file, args.force).await?;
        say(&summary(&exported, args.json));
    }
    Ok(())
}

/// Which factors to export. It warns about secrets in plaintext.
fn exported_factors(config: &Config, args: &ExportArgs) -> Result<ExportedFactors, Failed> {
    if args.without_hashes || args.checksum_only {
        return Ok(ExportedFactors::None);
    }
    if !args.with_secrets {
        return Ok(ExportedFactors::Sealed);
    }
    let keyring = secrets::keyring(&config.secret_keys.path, config.environment).map_err(Failed::because)?;
    warn(
        "the file contains the secrets of authenticator apps in plaintext: protect it like the secret keys, and delete it \
         after use",
    );
    Ok(ExportedFactors::Clear(keyring))
}

async fn written(
    core: &Core,
    selection: &Selection,
    output: &mut (dyn Write + Send),
) -> Result<Exported, Failed> {
    let mut snapshot = core.store.snapshot().await.map_err(Failed::because)?;
    let total = snapshot.count().await.map_err(Failed::because)?;
    let progress = Progress::begin("exporting users", Some(total));
    let mut signals = StopSignals::listen().map_err(Failed::because)?;
    tokio::select! {
        exported = export(snapshot.as_mut(), selection, output, progress) => exported.map_err(Failed::because),
        () = signals.next() => Err(Failed::Reason("interrupted: the export is incomplete".to_owned())),
    }
}

/// Writes the file atomically: it appears complete or not at all.
async fn to_file(
    core: &Core,
    selection: &Selection,
    path: &Path,
    overwrite: bool,
) -> Result<Exported, Failed> {
    let failed = |error: io::Error| Failed::Reason(format!("{}: {error}", path.display()));
    if !overwrite && path.exists() {
        return Err(Failed::Reason(format!(
            "{} exists already; add --force to overwrite it",
            path.display()
        )));
    }
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = PathBuf::from(name);
    let _ = fs::remove_file(&part);
    let file = create_new(&part, PRIVATE_MODE).map_err(failed)?;
    let mut output = BufWriter::new(file);
    let exported = written(core, selection, &mut output).await;
    let kept = match &exported {
        Ok(_) => output.get_ref().sync_all().and_then(|()| fs::rename(&part, path)).map_err(failed),
        Err(_) => Ok(()),
    };
    if exported.is_err() || kept.is_err() {
        let _ = fs::remove_file(&part);
    }
    kept?;
    exported
}

fn summary(exported: &Exported, as_json: bool) -> String {
    let Exported { users, checksum } = exported;
    if as_json {
        return json!({ "users": users, "checksum": checksum.to_string() }).to_string();
    }
    format!("{}, checksum {checksum}", count(*users, "user", "users"))
}
