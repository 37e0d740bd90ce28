use inwren_domain::client::ServiceClientId;
use inwren_domain::client::{self, ServiceClientName};
use inwren_domain::{Core, Failure};
use serde_json::json;
use uuid::Uuid;

use super::args::ClientsCommand;
use super::error::{Failed, Outcome};
use super::support::{confirm, open_core, say};
use crate::config::Config;
use crate::keys;

/// Runs a command on the service clients in the configured database.
pub(super) async fn run(config: &Config, command: ClientsCommand) -> Outcome {
    if let ClientsCommand::Revoke { id, yes } = &command {
        confirm(&format!("This takes the access of the client {id} away. It cannot be given back."), *yes)?;
    }
    let core = open_core(config, "clients").await?;
    let outcome = match command {
        ClientsCommand::Create { name } => create(&core, &name).await,
        ClientsCommand::List { json } => list(&core, json).await,
        ClientsCommand::Revoke { id, .. } => revoke(&core, id).await,
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
            say("The secret is shown this once; only its digest is kept.");
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
    for client in clients {
        let state = match client.revoked_at {
            Some(at) => format!("revoked {}", keys::text(at)),
            None => "active".to_owned(),
        };
        say(&format!("{}  {}  {state:<28}  {}", client.id, keys::text(client.created_at), client.name));
    }
    Ok(())
}

async fn revoke(core: &Core, id: Uuid) -> Outcome {
    match client::manage::revoke(core, ServiceClientId::from_uuid(id)).await {
        Ok(()) => {
            say("revoked: it is refused from now on; an access token that it has is good until it expires");
            Ok(())
        }
        Err(Failure::Refused(client::manage::NotFound)) => {
            Err(Failed::Failed("there is no such client, or it was revoked before".to_owned()))
        }
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}
