use inwren_domain::Core;
use inwren_domain::model::{ServiceClientId, ServiceClientName};
use inwren_domain::service::{Failure, operator};
use uuid::Uuid;

use super::args::ClientsCommand;
use super::core::open_core;
use super::output::say;
use super::{Failed, Outcome};
use crate::config::Config;
use crate::keys;

/// Works on the service clients of the configured database.
pub(super) async fn run(config: &Config, command: ClientsCommand) -> Outcome {
    let core = open_core(config, "clients").await?;
    let outcome = match command {
        ClientsCommand::Create { name } => create(&core, &name).await,
        ClientsCommand::List => list(&core).await,
        ClientsCommand::Revoke { id } => revoke(&core, id).await,
    };
    core.store.close().await;
    outcome
}

async fn create(core: &Core, name: &str) -> Outcome {
    let name = ServiceClientName::parse(name).map_err(|invalid| Failed::Usage(invalid.to_string()))?;
    match operator::clients::create(core, name).await {
        Ok((client, secret)) => {
            say(&format!("client_id:     {}", client.id));
            say(&format!("client_secret: {}", secret.expose()));
            say("The secret is shown this once; only its digest is kept.");
            Ok(())
        }
        Err(Failure::Refused(operator::clients::NameTaken)) => {
            Err(Failed::Failed("another client has this name already".to_owned()))
        }
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}

async fn list(core: &Core) -> Outcome {
    for client in operator::clients::list(core).await.map_err(Failed::because)? {
        let state = match client.revoked_at {
            Some(at) => format!("revoked {}", keys::text(at)),
            None => "active".to_owned(),
        };
        say(&format!("{}  {}  {state:<28}  {}", client.id, keys::text(client.created_at), client.name));
    }
    Ok(())
}

async fn revoke(core: &Core, id: Uuid) -> Outcome {
    match operator::clients::revoke(core, ServiceClientId::from_uuid(id)).await {
        Ok(()) => {
            say("revoked: it is refused from now on; an access token that it has is good until it expires");
            Ok(())
        }
        Err(Failure::Refused(operator::clients::NotFound)) => {
            Err(Failed::Failed("there is no such client, or it was revoked before".to_owned()))
        }
        Err(Failure::Port(failure)) => Err(Failed::because(failure)),
    }
}
