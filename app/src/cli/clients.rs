use std::sync::Arc;

use inwren_domain::Core;
use inwren_domain::model::{ServiceClientId, ServiceClientName};
use inwren_domain::service::{Failure, operator};
use uuid::Uuid;

use super::args::ClientsCommand;
use super::output::say;
use super::{Failed, Outcome};
use crate::config::Config;
use crate::{keys, start, wiring};

/// Works on the service clients of the configured database.
pub(super) async fn run(config: &Config, command: ClientsCommand) -> Outcome {
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    if opened.database.is_none() {
        return Err(Failed::Usage("DATABASE_URL: a memory store forgets its clients at once".to_owned()));
    }
    start::prepare_schema(config, &opened).await.map_err(Failed::because)?;
    let keys = wiring::key_store(config).open_or_generate(wiring::clock().now()).map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let core = wiring::core(config, Arc::clone(&opened.store), tokens).map_err(Failed::because)?;
    let outcome = match command {
        ClientsCommand::Create { name } => create(&core, &name).await,
        ClientsCommand::List => list(&core).await,
        ClientsCommand::Revoke { id } => revoke(&core, id).await,
    };
    opened.store.close().await;
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
