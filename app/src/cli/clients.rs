use inwren_domain::client::ServiceClientId;
use inwren_domain::client::{self, ServiceClientName};
use inwren_domain::{Core, Failure};
use serde_json::json;
use uuid::Uuid;

use super::args::ClientsCommand;
use super::error::{Failed, Outcome};
use super::support::{confirm, open_core, say, say_place, shortened};
use crate::config::Config;
use crate::keys;

/// The width of the column of names, the last one of a table with 100 columns.
const MAX_NAME_COLUMNS: usize = 31;

/// Runs a command on the service clients in the configured database.
pub(super) async fn run(config: &Config, command: ClientsCommand) -> Outcome {
    let core = open_core(config, "clients").await?;
    let outcome = match command {
        ClientsCommand::Create { name } => create(&core, &name).await.map(|()| say_place(config)),
        ClientsCommand::List { json } => list(&core, json).await,
        ClientsCommand::Revoke { id, yes } => revoke(&core, id, yes).await.map(|()| say_place(config)),
    };
    core.store.close().await;
    outcome
}

async fn create(core: &Core, name: &str) -> Outcome {
    let name = ServiceClientName::parse(name).map_err(|invalid| Failed::Usage(invalid.to_string()))?;
    match client::manage::create(core, name).await {
        Ok((client, secret)) => {
            say(&format!("client_id:     {}", client.id));
            say(&format!("client_secret: {}", secret.expose()));
            say("Save the secret now: it is not shown again, because only its digest is stored.");
            Ok(())
        }
        Err(Failure::Refused(client::manage::NameTaken)) => {
            Err(Failed::Failed("another client has this name already".to_owned()))
        }
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

async fn list(core: &Core, as_json: bool) -> Outcome {
    let clients = client::manage::list(core).await.map_err(Failed::because)?;
    if as_json {
        let each = clients.iter().map(|client| {
            json!({
                "id": client.id.to_string(),
                "name": client.name.to_string(),
                "created_at": keys::text(client.created_at),
                "revoked_at": client.revoked_at.map(keys::text),
            })
        });
        say(&json!({ "clients": each.collect::<Vec<_>>() }).to_string());
        return Ok(());
    }
    // The time of a revocation is only in JSON, so that the table fits 100 columns.
    say(&format!("{:<36}  {:<20}  {:<7}  NAME", "CLIENT ID", "CREATED", "STATE"));
    for client in clients {
        let state = if client.revoked_at.is_some() { "revoked" } else { "active" };
        let name = shortened(&client.name.to_string(), MAX_NAME_COLUMNS);
        say(&format!("{}  {:<20}  {state:<7}  {name}", client.id, keys::text(client.created_at)));
    }
    Ok(())
}

async fn revoke(core: &Core, id: Uuid, yes: bool) -> Outcome {
    let id = ServiceClientId::from_uuid(id);
    let clients = client::manage::list(core).await.map_err(Failed::because)?;
    if !clients.iter().any(|client| client.id == id && client.revoked_at.is_none()) {
        return Err(no_such_client());
    }
    confirm(&format!("This revokes the access of the client {id} permanently."), yes)?;
    match client::manage::revoke(core, id).await {
        Ok(()) => {
            say("revoked the client; an access token that it has stays valid until it expires");
            Ok(())
        }
        Err(Failure::Refused(client::manage::NotFound)) => Err(no_such_client()),
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

fn no_such_client() -> Failed {
    Failed::Failed(
        "no client has this id, or it is revoked already; `inwren clients list` lists all clients".to_owned(),
    )
}
