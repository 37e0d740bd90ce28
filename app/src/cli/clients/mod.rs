//! Commands on clients.

mod apply;
mod output;
mod show;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use inwren_domain::account::admin::Admin;
use inwren_domain::client::manage::{self, Refusal};
use inwren_domain::client::{ClientId, ClientKind, ClientSecretId, ClientSettings};
use inwren_domain::kernel::ClientInfo;
use inwren_domain::{Core, Failure};
use time::Duration;
use uuid::Uuid;

use self::apply::ApplyArgs;
use self::output::{SAVE, refused, say_credentials};
use super::error::{Failed, Outcome};
use super::support::{confirm, open_core, say, say_place};
use crate::client_settings::{ClientTexts, settings};
use crate::config::Config;
use crate::keys;

/// Commands on clients.
#[derive(Debug, Subcommand)]
pub(super) enum ClientsCommand {
    /// Create a client; prints its id and, only this time, its secret
    Create(CreateArgs),
    /// List all clients
    List {
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Show the settings of a client, and when its secrets expire
    Show {
        /// The id of the client
        id: String,
        /// Print JSON
        #[arg(long)]
        json: bool,
    },
    /// Make the clients those of a TOML file; prints what differs
    Apply(ApplyArgs),
    /// Add a secret to a client and print it, only this time; or delete a secret
    Secret(SecretArgs),
    /// Disable a client: it gets no more tokens
    Revoke {
        /// The id of the client
        id: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
    /// Delete a client permanently, with its secrets and the consents of users
    Delete {
        /// The id of the client
        id: String,
        /// Do not ask for confirmation
        #[arg(long)]
        yes: bool,
    },
}

/// The client to create.
#[derive(Debug, Args)]
pub(super) struct CreateArgs {
    /// The name, which users see
    name: String,
    /// The client_id: letters, digits, `-`, `.`, `_` and `~`; random by default
    #[arg(long)]
    id: Option<String>,
    /// An application that cannot or can keep a secret, or a service that acts on its own behalf
    #[arg(long, default_value = "service", value_parser = kinds())]
    kind: String,
    /// Where the browser may return after a login; repeat it for several URIs
    #[arg(long = "redirect-uri", value_name = "URI")]
    redirect_uris: Vec<String>,
    /// A scope that the client may request; repeat it for several. By default: openid, profile and email for an
    /// application, none for a service
    #[arg(long = "scope", value_name = "SCOPE")]
    scopes: Vec<String>,
    /// Do not ask users for consent: the application is your own
    #[arg(long)]
    first_party: bool,
}

fn kinds() -> PossibleValuesParser {
    PossibleValuesParser::new(ClientKind::ALL.iter().map(|kind| kind.as_str()))
}

impl CreateArgs {
    fn settings(self) -> Result<ClientSettings, Failed> {
        if self.kind == ClientKind::Service.as_str() && !self.redirect_uris.is_empty() {
            return Err(Failed::Usage(
                "--redirect-uri: a service has none; add --kind public or --kind confidential".to_owned(),
            ));
        }
        let texts = ClientTexts {
            redirect_uris: self.redirect_uris,
            scopes: Some(self.scopes).filter(|scopes| !scopes.is_empty()),
            first_party: self.first_party,
            ..ClientTexts::of_kind(&self.name, &self.kind)
        };
        settings(texts).map_err(|error| Failed::Usage(error.to_string()))
    }
}

/// The secret to add or to delete.
#[derive(Debug, Args)]
pub(super) struct SecretArgs {
    /// The id of the client
    id: String,
    /// Lifetime of the new secret; without it, the secret does not expire
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u16).range(1..))]
    expires_in: Option<u16>,
    /// Delete this secret instead of adding one; `clients show` lists the ids
    #[arg(long, value_name = "SECRET_ID", conflicts_with = "expires_in")]
    delete: Option<Uuid>,
    /// Do not ask for confirmation before a secret is deleted
    #[arg(long, requires = "delete")]
    yes: bool,
}

/// Runs a command on the clients in the configured database.
pub(super) async fn run(config: &Config, command: ClientsCommand) -> Outcome {
    let core = open_core(config, "clients").await?;
    let outcome = dispatch(config, &core, command).await;
    core.store.close().await;
    outcome
}

async fn dispatch(config: &Config, core: &Core, command: ClientsCommand) -> Outcome {
    match command {
        ClientsCommand::List { json } => return show::list(core, json).await,
        ClientsCommand::Show { id, json } => return show::show(core, &parse_id(&id)?, json).await,
        ClientsCommand::Apply(args) => return apply::run(config, core, &args).await,
        ClientsCommand::Create(args) => create(core, args).await?,
        ClientsCommand::Secret(args) => secret(core, &args).await?,
        ClientsCommand::Revoke { id, yes } => revoke(core, &parse_id(&id)?, yes).await?,
        ClientsCommand::Delete { id, yes } => delete(core, &parse_id(&id)?, yes).await?,
    }
    say_place(config);
    Ok(())
}

fn parse_id(text: &str) -> Result<ClientId, Failed> {
    ClientId::parse(text).map_err(|invalid| Failed::Usage(format!("{text:?}: {invalid}")))
}

async fn create(core: &Core, args: CreateArgs) -> Outcome {
    let id = args.id.as_deref().map(parse_id).transpose()?;
    let settings = args.settings()?;
    let created = manage::create(core, Admin::operator(), id, settings, &ClientInfo::default()).await;
    let created = created.map_err(refused)?;
    say_credentials(&created.client.id, created.secret.as_ref());
    if created.secret.is_some() {
        say(SAVE);
    }
    Ok(())
}

async fn secret(core: &Core, args: &SecretArgs) -> Outcome {
    let id = parse_id(&args.id)?;
    if let Some(secret) = args.delete {
        return delete_secret(core, &id, ClientSecretId::from_uuid(secret), args.yes).await;
    }
    let expires_at = args.expires_in.map(|days| core.clock.now() + Duration::days(days.into()));
    let added = manage::add_secret(core, Admin::operator(), &id, expires_at, &ClientInfo::default()).await;
    let (stored, secret) = added.map_err(refused)?;
    say_credentials(&id, Some(&secret));
    say(&format!("secret_id:     {}", stored.id));
    say(&format!("expires_at:    {}", stored.expires_at.map_or_else(|| "never".to_owned(), keys::text)));
    say(SAVE);
    Ok(())
}

async fn delete_secret(core: &Core, id: &ClientId, secret: ClientSecretId, yes: bool) -> Outcome {
    let (_, secrets) = manage::get(core, Admin::operator(), id).await.map_err(refused)?;
    if !secrets.iter().any(|one| one.id == secret) {
        return Err(Failed::Reason(format!(
            "the client has no secret with this id; `inwren clients show {id}` lists its secrets"
        )));
    }
    confirm(
        &format!("This deletes a secret of the client {id}: it can no longer authenticate with it."),
        yes,
    )?;
    let deleted = manage::delete_secret(core, Admin::operator(), id, secret, &ClientInfo::default()).await;
    deleted.map_err(refused)?;
    say("deleted the secret");
    Ok(())
}

async fn revoke(core: &Core, id: &ClientId, yes: bool) -> Outcome {
    let is_active = match manage::get(core, Admin::operator(), id).await {
        Ok((client, _)) => client.is_active(),
        Err(Failure::Refused(_)) => false,
        Err(Failure::Port(failure)) => return Err(Failed::because(failure)),
    };
    if !is_active {
        return Err(not_active());
    }
    confirm(&format!("This revokes the access of the client {id}."), yes)?;
    match manage::disable(core, Admin::operator(), id, &ClientInfo::default()).await {
        Ok(()) => {
            say(
                "revoked the client; services that verify tokens locally accept an access token that it has until it expires",
            );
            Ok(())
        }
        Err(Failure::Refused(Refusal::NotFound)) => Err(not_active()),
        Err(failure) => Err(refused(failure)),
    }
}

fn not_active() -> Failed {
    Failed::Reason(
        "no client has this id, or it is revoked already; `inwren clients list` lists all clients".to_owned(),
    )
}

async fn delete(core: &Core, id: &ClientId, yes: bool) -> Outcome {
    manage::get(core, Admin::operator(), id).await.map_err(refused)?;
    let what = "permanently, with its secrets and the consents of users";
    confirm(&format!("This deletes the client {id} {what}."), yes)?;
    manage::delete(core, Admin::operator(), id, &ClientInfo::default()).await.map_err(refused)?;
    say(&format!("deleted the client {id}"));
    Ok(())
}
