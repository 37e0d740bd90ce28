use clap::{Args, ValueEnum};
use inwren_domain::account::import::{Destination, ForeignTable, ForeignUsers, OnCaseConflict, Policy};
use inwren_domain::store::Schema;
use serde_json::{Value, json};

use super::error::{Failed, Outcome};
use super::support::{confirm, say};
use super::users_import::{Choices, Conflict};
use crate::config::{Config, DatabaseTarget, SqlTarget, has_password};
use crate::import_export::{Adopted, Report, adopt};
use crate::runtime::start;
use crate::wiring::{self, ForeignDatabase, ForeignError};

/// The new name of another service's `users` table that is in our database.
const ASIDE: &str = "users_before_inwren";
/// The names of our other tables. A foreign table with one of these names aborts the command.
const OURS: [&str; 4] = ["sessions", "audit_events", "service_clients", "seaql_migrations"];

/// From where, and what to do where there is a choice.
#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// URL of the other service's database; without it, the table is in DATABASE_URL itself. Nothing is changed in it. The
    /// password of PostgreSQL comes from PGPASSWORD or ~/.pgpass, not from the URL
    #[arg(long, value_name = "DATABASE_URL")]
    from: Option<String>,
    /// The table, perhaps with its schema: auth.users
    #[arg(long, default_value = "users")]
    table: String,
    #[command(flatten)]
    choices: Choices,
    /// What becomes of users who are here already and differ
    #[arg(long, value_enum, default_value = "skip")]
    on_conflict: Conflict,
    /// Which of those is taken whose addresses differ in case only
    #[arg(long, value_enum, default_value = "refuse")]
    on_case_conflict: CaseConflict,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// Which of those is taken whose addresses differ in case only.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CaseConflict {
    /// None of them, until you have decided
    Refuse,
    /// The one that was changed last
    Newest,
}

/// Imports the users of another service's table.
pub(super) async fn run(config: &Config, args: AdoptArgs) -> Outcome {
    let DatabaseTarget::Sql(ours) = &config.database.target else {
        return Err(Failed::Usage("DATABASE_URL: a memory store forgets its users at once".to_owned()));
    };
    if args.from.as_deref().is_some_and(has_password) {
        return Err(Failed::Usage(
            "--from: the URL has a password, and other users of this machine can read command lines: set PGPASSWORD, or \
             put it into ~/.pgpass"
                .to_owned(),
        ));
    }
    let from = args.from.as_deref().map(SqlTarget::parse).transpose().map_err(Failed::because)?;
    let from = from.as_ref().unwrap_or(ours);
    let source = ForeignDatabase::connect(from).await.map_err(unreadable)?;
    let target = Target::look_at(ours, &source, &args.table).await?;
    let plan = Plan { config, args: &args, target: &target };

    // Dry run: finds the result per user, without writing anything.
    let referring = source.referring(&plan.source_table()).await.map_err(unreadable)?;
    let mut table = source.read(&plan.source_table()).await.map_err(unreadable)?;
    let description = table.table().clone();
    // Skip the dry run if it would serve neither a report nor a confirmation.
    let is_awaited = args.choices.dry_run || !(args.yes && args.choices.json);
    let found = if is_awaited { Some(plan.try_out(table.as_mut()).await) } else { None };
    drop(table);
    source.close().await;
    if let Some(found) = found.transpose()?
        && (args.choices.dry_run || !args.choices.json)
    {
        plan.tell(&description, &referring, &found, true);
    }
    if args.choices.dry_run {
        return Ok(());
    }
    plan.confirm()?;

    let destination = plan.destination_to_write().await?;
    let source = ForeignDatabase::connect(from).await.map_err(unreadable)?;
    let mut table = source.read(&plan.table_to_adopt()).await.map_err(unreadable)?;
    let policy = args.choices.policy(args.on_conflict);
    // The dry run has printed the problems already, unless the output is JSON.
    let shown = if args.choices.json { args.choices.show_problems } else { 0 };
    let adopted = plan.adopt(&destination, table.as_mut(), policy, shown).await;
    drop(table);
    source.close().await;
    destination.store.close().await;
    let adopted = adopted?;
    plan.tell(&description, &referring, &adopted, false);
    match adopted.report.refused {
        0 => Ok(()),
        refused => {
            Err(Failed::Failed(format!("{refused} of {} users were not taken over", adopted.census.rows)))
        }
    }
}

fn unreadable(error: ForeignError) -> Failed {
    let advice = match &error {
        ForeignError::NoTable(_) => ". Name the table with --table; fastapi-users calls it user",
        _ => "",
    };
    Failed::Failed(format!("{error}{advice}"))
}

/// State of our own database.
#[derive(Debug)]
struct Target {
    /// Whether the source table is in this database as well.
    is_source: bool,
    /// Whether it has our schema, perhaps that of an earlier release.
    is_ours: bool,
    /// Whether it has a table `users` that is not ours.
    has_other_users: bool,
}

impl Target {
    async fn look_at(ours: &SqlTarget, source: &ForeignDatabase, table: &str) -> Result<Self, Failed> {
        let database = match ForeignDatabase::connect(ours).await {
            Ok(database) => database,
            // The SQLite file does not exist yet.
            Err(ForeignError::NoFile(_)) => {
                return Ok(Self { is_source: false, is_ours: false, has_other_users: false });
            }
            Err(error) => return Err(Failed::Failed(format!("DATABASE_URL: {error}"))),
        };
        let users = database.columns("users").await.map_err(unreadable)?;
        let is_ours = users.iter().any(|name| name == "email_normalized");
        let target = Self {
            is_source: database.place() == source.place(),
            is_ours,
            has_other_users: !is_ours && !users.is_empty(),
        };
        if !is_ours {
            for name in OURS {
                if !database.columns(name).await.map_err(unreadable)?.is_empty() {
                    return Err(Failed::Failed(format!(
                        "DATABASE_URL has a table {name} that is not ours. Use a database of its own for this service"
                    )));
                }
            }
            if target.has_other_users && !(target.is_source && table == "users") {
                return Err(Failed::Failed(
                    "DATABASE_URL has a table users that is not ours, and not the one to adopt. \
                     Use a database of its own for this service"
                        .to_owned(),
                ));
            }
        }
        database.close().await;
        Ok(target)
    }
}

/// The steps of the command, decided before anything is written.
struct Plan<'a> {
    config: &'a Config,
    args: &'a AdoptArgs,
    target: &'a Target,
}

impl Plan<'_> {
    /// Whether the other service's table occupies the name of our table in our database.
    fn sets_aside(&self) -> bool {
        self.target.has_other_users
    }

    /// The current name of the source table. An earlier run has renamed the table that it set aside.
    fn source_table(&self) -> String {
        let set_aside_before = self.target.is_source && self.target.is_ours && self.args.table == "users";
        if set_aside_before { ASIDE.to_owned() } else { self.args.table.clone() }
    }

    /// The name of the source table when the destination is ready.
    fn table_to_adopt(&self) -> String {
        if self.sets_aside() { ASIDE.to_owned() } else { self.source_table() }
    }

    /// The destination of a dry run: our store, or an empty one if our tables do not exist yet.
    async fn destination_to_try(&self) -> Result<Destination, Failed> {
        if !self.target.is_ours {
            return wiring::destination(self.config, wiring::empty_store()).map_err(Failed::because);
        }
        let opened = wiring::open_store(self.config).await.map_err(Failed::because)?;
        if let Some(maintenance) = &opened.maintenance
            && maintenance.schema().await.map_err(Failed::because)? != Schema::Current
        {
            opened.store.close().await;
            return Err(Failed::Failed(
                "the database schema is behind: run `inwren migrate up` first".to_owned(),
            ));
        }
        wiring::destination(self.config, opened.store).map_err(Failed::because)
    }

    /// The destination of the migration: our store, with its tables created if they do not exist.
    async fn destination_to_write(&self) -> Result<Destination, Failed> {
        let opened = wiring::open_store(self.config).await.map_err(Failed::because)?;
        if self.sets_aside() {
            let maintenance = opened.maintenance.as_ref();
            let maintenance = maintenance.ok_or_else(|| Failed::Failed("there is no database".to_owned()))?;
            maintenance.set_users_aside(ASIDE).await.map_err(Failed::because)?;
        } else {
            start::prepare_schema(self.config, &opened).await.map_err(Failed::because)?;
        }
        wiring::destination(self.config, opened.store).map_err(Failed::because)
    }

    /// Dry run: finds the result per user.
    async fn try_out(&self, table: &mut dyn ForeignUsers) -> Result<Adopted, Failed> {
        let policy = Policy { dry_run: true, ..self.args.choices.policy(self.args.on_conflict) };
        let destination = self.destination_to_try().await?;
        let found = self.adopt(&destination, table, policy, self.args.choices.show_problems).await;
        destination.store.close().await;
        found
    }

    async fn adopt(
        &self,
        destination: &Destination,
        table: &mut dyn ForeignUsers,
        policy: Policy,
        shown: usize,
    ) -> Result<Adopted, Failed> {
        let on_case_conflict = match self.args.on_case_conflict {
            CaseConflict::Refuse => OnCaseConflict::Refuse,
            CaseConflict::Newest => OnCaseConflict::Newest,
        };
        adopt(destination, table, policy, on_case_conflict, Report::showing(shown))
            .await
            .map_err(Failed::because)
    }

    fn confirm(&self) -> Outcome {
        let shown = &self.config.database.target;
        let renames =
            if self.sets_aside() { format!(" and calls their table {ASIDE}") } else { String::new() };
        confirm(&format!("This takes the users over into {shown}{renames}."), self.args.yes)
    }

    fn tell(&self, table: &ForeignTable, referring: &[String], adopted: &Adopted, dry_run: bool) {
        if self.args.choices.json {
            say(&json_of(table, referring, adopted, dry_run, self.sets_aside()).to_string());
            return;
        }
        if dry_run {
            self.tell_found(table, referring, adopted);
        }
        adopted.report.lines(dry_run).iter().for_each(|line| say(line));
    }

    fn tell_found(&self, table: &ForeignTable, referring: &[String], adopted: &Adopted) {
        let census = &adopted.census;
        let named =
            |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        say(&format!("table {}: {} rows, id is {}", table.name, census.rows, table.id_type));
        say(&format!("columns read: {}", table.read.join(", ")));
        if !table.missing.is_empty() {
            say(&format!("columns missing, for which the default is taken: {}", table.missing.join(", ")));
        }
        if !table.ignored.is_empty() {
            say(&format!("columns that stay where they are: {}", table.ignored.join(", ")));
        }
        say(&format!(
            "password hashes: {}",
            named(census.hashes.iter().map(|(scheme, count)| format!("{count} {scheme}")).collect())
        ));
        say(&format!(
            "tiers: {}",
            named(census.tiers.iter().map(|(tier, count)| format!("{count} {tier}")).collect())
        ));
        for (count, what) in [
            (census.superusers, "are superusers"),
            (census.inactive, "are inactive"),
            (census.unverified, "never confirmed their address, which makes no difference here"),
            (census.with_refresh_token, "are logged in, and will have to log in again"),
            (census.without_password, "have no password"),
            (census.unknown_hashes, "have a password hash that is not accepted: see --unknown-hash"),
            (census.unknown_tiers, "have a tier that is not in TIERS: see --unknown-tier"),
            (census.unreadable, "have a value that cannot be read"),
            (census.invalid_emails, "have an address that is none"),
            (census.invalid_ids, "have an id that is neither a UUID nor a number"),
            (
                census.repeated_emails() as u64,
                "addresses are there twice, perhaps in other letters: see --on-case-conflict",
            ),
        ] {
            if count > 0 {
                say(&format!("{count:>9} {what}"));
            }
        }
        if self.sets_aside() {
            say(&format!("The table will be called {ASIDE} from then on. Nothing in it is changed."));
        }
        if !referring.is_empty() {
            say(&format!("These tables refer to it, and go on to: {}", referring.join(", ")));
        }
    }
}

fn json_of(
    table: &ForeignTable,
    referring: &[String],
    adopted: &Adopted,
    dry_run: bool,
    set_aside: bool,
) -> Value {
    let census = &adopted.census;
    let hashes = census.hashes.iter().map(|(scheme, count)| (scheme.to_string(), json!(count)));
    adopted.report.with(json!({
        "dry_run": dry_run,
        "table": {
            "name": table.name,
            "rows": census.rows,
            "id_type": table.id_type,
            "columns": table.read,
            "missing": table.missing,
            "ignored": table.ignored,
            "referred_to_by": referring,
            "renamed_to": set_aside.then_some(ASIDE),
        },
        "found": {
            "superusers": census.superusers,
            "inactive": census.inactive,
            "unverified": census.unverified,
            "with_refresh_token": census.with_refresh_token,
            "without_password": census.without_password,
            "hashes": hashes.collect::<serde_json::Map<_, _>>(),
            "unknown_hashes": census.unknown_hashes,
            "tiers": census.tiers,
            "unknown_tiers": census.unknown_tiers,
            "unreadable": census.unreadable,
            "invalid_emails": census.invalid_emails,
            "invalid_ids": census.invalid_ids,
            "repeated_emails": census.repeated_emails(),
        },
    }))
}
