use clap::{Args, ValueEnum};
use inwren_domain::account::import::{Census, Destination, OnCaseConflict, Policy, SourceTable, SourceUsers};
use serde_json::{Value, json};

use super::error::{Failed, Outcome};
use super::support::{confirm, count, open_database, place, require_database, say, say_place};
use super::users_import::{Choices, Conflict};
use crate::config::{Config, DatabaseTarget, SqlTarget, has_password};
use crate::import_export::{Adopted, Report, adopt};
use crate::runtime::start;
use crate::wiring::{self, SourceDatabase, SourceError};

/// The new name of another service's `users` table that is in our database.
const ASIDE: &str = "users_before_inwren";
/// The names of our other tables. A foreign table with one of these names aborts the command.
const OURS: [&str; 8] = [
    "sessions",
    "audit_events",
    "service_clients",
    "clients",
    "client_secrets",
    "authorization_codes",
    "consents",
    "seaql_migrations",
];

/// What to import, and how to resolve conflicts.
#[derive(Debug, Args)]
pub(super) struct AdoptArgs {
    /// URL of the other service's database, which is only read; without it, the table is in DATABASE_URL itself. The
    /// password of PostgreSQL comes from PGPASSWORD or ~/.pgpass, not from the URL
    #[arg(long, value_name = "DATABASE_URL")]
    from: Option<String>,
    /// The table, optionally with its schema: auth.users
    #[arg(long, default_value = "users")]
    table: String,
    #[command(flatten)]
    choices: Choices,
    /// How to import users who exist already with other values
    #[arg(long, value_enum, default_value = "skip")]
    on_conflict: Conflict,
    /// Which of the users to import whose addresses differ in case only
    #[arg(long, value_enum, default_value = "refuse")]
    on_case_conflict: CaseConflict,
    /// Do not ask for confirmation
    #[arg(long)]
    yes: bool,
}

/// Which of the users to import whose addresses differ in case only.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum CaseConflict {
    /// None of them: you decide
    Refuse,
    /// The one that was changed last
    Newest,
}

/// Imports the users of another service's table.
pub(super) async fn run(config: &Config, args: AdoptArgs) -> Outcome {
    let DatabaseTarget::Sql(ours) = &config.database.target else {
        return Err(Failed::Usage(
            "DATABASE_URL: a store in memory loses its users when the command ends".to_owned(),
        ));
    };
    if args.from.as_deref().is_some_and(has_password) {
        return Err(Failed::Usage(
            "--from: the URL has a password, and other users of this machine can read command lines: set PGPASSWORD, or \
             put it into ~/.pgpass"
                .to_owned(),
        ));
    }
    args.choices.check_refused()?;
    require_database(config)?;
    let from = args.from.as_deref().map(SqlTarget::parse).transpose().map_err(Failed::because)?;
    let from = from.as_ref().unwrap_or(ours);
    let source = SourceDatabase::connect(from).await.map_err(unreadable)?;
    let target = Target::look_at(ours, &source, &args.table).await?;
    let plan = Plan { config, args: &args, target: &target };

    // Dry run: finds the result per user, without writing anything.
    let referring = match source.referring(&plan.source_table()).await {
        Ok(referring) => referring,
        Err(error) => return Err(plan.unreadable(&source, error).await),
    };
    let mut table = match source.read(&plan.source_table()).await {
        Ok(table) => table,
        Err(error) => return Err(plan.unreadable(&source, error).await),
    };
    let description = table.table().clone();
    // Skip the dry run if it would serve neither a report nor a confirmation.
    let is_awaited = args.choices.dry_run || !(args.yes && args.choices.json);
    let found = if is_awaited { Some(plan.try_out(table.as_mut()).await) } else { None };
    drop(table);
    source.close().await;
    if let Some(mut found) = found.transpose()? {
        if args.choices.dry_run || !args.choices.json {
            plan.print(&description, &referring, &found, true);
        }
        if args.choices.dry_run {
            return args.choices.finish(&mut found.report);
        }
    }
    plan.confirm()?;

    // The dry run has printed the problems already, unless the output is JSON.
    let shown = if args.choices.json { args.choices.show_problems } else { 0 };
    // A file that cannot be created is reported before anything is written.
    let report = args.choices.report(shown)?;
    let destination = plan.destination_to_write().await?;
    let source = SourceDatabase::connect(from).await.map_err(unreadable)?;
    let mut table = source.read(&plan.table_to_adopt()).await.map_err(unreadable)?;
    let policy = args.choices.policy(args.on_conflict);
    let adopted = plan.adopt(&destination, table.as_mut(), policy, report).await;
    drop(table);
    source.close().await;
    destination.store.close().await;
    let mut adopted = adopted?;
    plan.print(&description, &referring, &adopted, false);
    args.choices.finish(&mut adopted.report)?;
    if !args.choices.json {
        say_place(config);
    }
    match adopted.report.refused {
        0 => Ok(()),
        refused => Err(Failed::Reason(format!(
            "refused {refused} of {}",
            count(adopted.census.rows, "user", "users")
        ))),
    }
}

fn unreadable(error: SourceError) -> Failed {
    Failed::Reason(error.to_string())
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
    async fn look_at(ours: &SqlTarget, source: &SourceDatabase, table: &str) -> Result<Self, Failed> {
        let database = match SourceDatabase::connect(ours).await {
            Ok(database) => database,
            Err(error) => return Err(Failed::Reason(format!("DATABASE_URL: {error}"))),
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
                    return Err(Failed::Reason(format!(
                        "DATABASE_URL has a table {name} of another service. Use a separate database for this service"
                    )));
                }
            }
            if target.has_other_users && !(target.is_source && table == "users") {
                return Err(Failed::Reason(
                    "DATABASE_URL has a table users of another service, which is not the table to import. Use a \
                     separate database for this service"
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

    /// Explains why the source table cannot be read. fastapi-users names it `user`.
    async fn unreadable(&self, source: &SourceDatabase, error: SourceError) -> Failed {
        let SourceError::NoTable(missing) = &error else { return unreadable(error) };
        let has_user = *missing != "user"
            && source.columns("user").await.is_ok_and(|columns| columns.iter().any(|name| name == "email"));
        let ours = match *missing == ASIDE {
            true => ". The table users is the one of this service",
            false => "",
        };
        let advice = match has_user {
            true => "The database has a table user, as fastapi-users names it: add --table user",
            false => "Name the table with --table",
        };
        Failed::Reason(format!("{error}{ours}. {advice}"))
    }

    /// The name of the source table when the destination is ready.
    fn table_to_adopt(&self) -> String {
        if self.sets_aside() { ASIDE.to_owned() } else { self.source_table() }
    }

    /// Whether our tables are created beside the source table. Any other database must have them already.
    fn creates_tables(&self) -> bool {
        self.target.is_source && !self.target.is_ours
    }

    /// The destination of a dry run: our store, or an empty one if our tables will be created.
    async fn destination_to_try(&self) -> Result<Destination, Failed> {
        let store = match self.creates_tables() {
            true => wiring::empty_store(),
            false => open_database(self.config, "users").await?.0.store,
        };
        wiring::destination(self.config, store).map_err(Failed::because)
    }

    /// The destination of the migration: our store, with its tables created beside the source table.
    async fn destination_to_write(&self) -> Result<Destination, Failed> {
        let store = if self.creates_tables() {
            let opened = wiring::open_store(self.config).await.map_err(Failed::because)?;
            if let Some(maintenance) = opened.maintenance.as_ref().filter(|_| self.sets_aside()) {
                maintenance.set_users_aside(ASIDE).await.map_err(Failed::because)?;
            } else {
                start::prepare_schema(self.config, &opened).await.map_err(Failed::because)?;
            }
            opened.store
        } else {
            open_database(self.config, "users").await?.0.store
        };
        wiring::destination(self.config, store).map_err(Failed::because)
    }

    /// Dry run: finds the result per user.
    async fn try_out(&self, table: &mut dyn SourceUsers) -> Result<Adopted, Failed> {
        let policy = Policy { dry_run: true, ..self.args.choices.policy(self.args.on_conflict) };
        let destination = self.destination_to_try().await?;
        let shown = self.args.choices.show_problems;
        // Before a confirmation, the run that writes will write the refused users.
        let report = match self.args.choices.dry_run {
            true => self.args.choices.report(shown)?,
            false => Report::showing(shown),
        };
        let found = self.adopt(&destination, table, policy, report).await;
        destination.store.close().await;
        found
    }

    async fn adopt(
        &self,
        destination: &Destination,
        table: &mut dyn SourceUsers,
        policy: Policy,
        report: Report,
    ) -> Result<Adopted, Failed> {
        let on_case_conflict = match self.args.on_case_conflict {
            CaseConflict::Refuse => OnCaseConflict::Refuse,
            CaseConflict::Newest => OnCaseConflict::Newest,
        };
        adopt(destination, table, policy, on_case_conflict, report).await.map_err(Failed::because)
    }

    fn confirm(&self) -> Outcome {
        let place = place(self.config);
        let renames = match self.sets_aside() {
            true => format!(", and renames the table users to {ASIDE}"),
            false => String::new(),
        };
        confirm(&format!("This imports the users into {place}{renames}."), self.args.yes)
    }

    fn print(&self, table: &SourceTable, referring: &[String], adopted: &Adopted, dry_run: bool) {
        if self.args.choices.json {
            say(&self.json(table, referring, adopted, dry_run).to_string());
            return;
        }
        if dry_run {
            self.print_found(table, referring, adopted);
        }
        adopted.report.lines(dry_run).iter().for_each(|line| say(line));
    }

    fn json(&self, table: &SourceTable, referring: &[String], adopted: &Adopted, dry_run: bool) -> Value {
        let census = &adopted.census;
        let hashes = census.hashes.iter().map(|(scheme, count)| (scheme.to_string(), json!(count)));
        adopted.report.with(json!({
            "dry_run": dry_run,
            "target": place(self.config),
            "table": {
                "name": table.name,
                "rows": census.rows,
                "id_type": table.id_type,
                "columns": table.read,
                "missing": table.missing,
                "ignored": table.ignored,
                "referred_to_by": referring,
                "renamed_to": self.sets_aside().then_some(ASIDE),
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

    fn print_found(&self, table: &SourceTable, referring: &[String], adopted: &Adopted) {
        let census = &adopted.census;
        let named =
            |counts: Vec<String>| if counts.is_empty() { "none".to_owned() } else { counts.join(", ") };
        let rows = count(census.rows, "row", "rows");
        say(&format!("table {}: {rows}, the type of id is {}", table.name, table.id_type));
        say(&format!("columns read: {}", table.read.join(", ")));
        if !table.missing.is_empty() {
            say(&format!("columns missing, replaced by defaults: {}", table.missing.join(", ")));
        }
        if !table.ignored.is_empty() {
            say(&format!("columns not imported: {}", table.ignored.join(", ")));
        }
        say(&format!(
            "password hashes: {}",
            named(census.hashes.iter().map(|(scheme, count)| format!("{count} {scheme}")).collect())
        ));
        say(&format!(
            "tiers: {}",
            named(census.tiers.iter().map(|(tier, count)| format!("{count} {tier}")).collect())
        ));
        findings(census).iter().for_each(|line| say(line));
        if self.sets_aside() {
            say(&format!("The import renames the table to {ASIDE}. Its rows stay unchanged."));
        }
        if !referring.is_empty() {
            say(&format!("These tables refer to it, and continue to do so: {}", referring.join(", ")));
        }
    }
}

/// The counts of the census that are not zero, one per line.
fn findings(census: &Census) -> Vec<String> {
    let counts = [
        (census.superusers, ["superuser", "superusers"], ""),
        (census.inactive, ["inactive user", "inactive users"], ""),
        (census.unverified, ["user", "users"], " with an unverified address, which this service ignores"),
        (census.with_refresh_token, ["user", "users"], " logged in: they have to log in again"),
        (census.without_password, ["user", "users"], " without a password"),
        (census.unknown_hashes, ["user", "users"], " with an unsupported password hash: see --unknown-hash"),
        (census.unknown_tiers, ["user", "users"], " with a tier that is not in TIERS: see --unknown-tier"),
        (census.unreadable, ["row", "rows"], " with an unreadable value"),
        (census.invalid_emails, ["row", "rows"], " with an invalid address"),
        (census.invalid_ids, ["row", "rows"], " with an id that is neither a UUID nor a number"),
        (
            census.repeated_emails() as u64,
            ["address", "addresses"],
            " in more than one row, possibly in another case: see --on-case-conflict",
        ),
    ];
    let line = |(number, [one, many], what): (u64, [&str; 2], &str)| {
        let noun = if number == 1 { one } else { many };
        (number > 0).then(|| format!("{number:>9} {noun}{what}"))
    };
    counts.into_iter().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn findings_agree_in_number() {
        let mut census = Census::default();
        (census.superusers, census.inactive, census.unverified) = (1, 2, 1);
        let lines = findings(&census);
        assert_eq!(lines[0], "        1 superuser");
        assert_eq!(lines[1], "        2 inactive users");
        assert!(lines[2].starts_with("        1 user with"), "{lines:?}");
        assert_eq!(lines.len(), 3);
    }
}
