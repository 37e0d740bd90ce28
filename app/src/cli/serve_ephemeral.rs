use std::collections::HashMap;

use serde_json::json;

use super::args::ServeArgs;
use super::error::{Failed, Outcome};
use super::support::say;
use crate::config::Config;
use crate::observability::logs::{self, LogOutput};
use crate::runtime::banner::reachable;
use crate::service::{Given, listen, serve};
use crate::{ephemeral, wiring};

/// Runs a test server for other projects. Standard output contains only the address, the users and the clients, so a
/// test harness can read all of it or stop reading early.
pub(super) async fn run(flags: &HashMap<&'static str, String>, arguments: &ServeArgs) -> Outcome {
    let mut config =
        Config::ephemeral(flags, |name| std::env::var(name).ok(), arguments.expose, wiring::clock().now())
            .map_err(|error| Failed::Usage(error.to_string()))?;
    let log =
        logs::start(LogOutput::Stderr, config.log_format, &config.log_filter).map_err(Failed::because)?;
    // Listen before creating the tokens, because their issuer is the address.
    let listener = listen(&config).await?;
    let address = listener.local_addr().map_err(Failed::because)?;
    let url = format!("{}://{}", config.scheme(), reachable(address));
    config.reached_at(&url);
    let facts = Facts { url, issuer: config.token_issuer.clone(), audience: config.token_audience.clone() };
    let as_json = arguments.json;
    let given = Given {
        listener,
        keys: Some(ephemeral::signing_keys().map_err(Failed::because)?),
        ready: Box::new(move || say(&if as_json { facts.json() } else { facts.variables() })),
    };
    let outcome = serve(&config, Some(given), &log).await.map_err(Failed::from);
    log.flush();
    outcome
}

/// The facts that a test harness needs.
struct Facts {
    url: String,
    issuer: String,
    audience: String,
}

impl Facts {
    /// Formats them as one line of JSON.
    fn json(&self) -> String {
        let users = ephemeral::SEEDS.map(|seed| {
            json!({
                "id": seed.id.to_string(),
                "email": seed.email,
                "password": seed.password,
                "is_superuser": seed.is_superuser,
                "totp_secret": seed.totp_secret,
            })
        });
        let clients = ephemeral::CLIENTS.map(|client| {
            json!({
                "client_id": client.id,
                "client_secret": client.secret,
                "kind": client.kind().as_str(),
                "redirect_uris": client.redirect_uris,
            })
        });
        json!({
            "url": self.url,
            "issuer": self.issuer,
            "audience": self.audience,
            "discovery_url": self.discovery_url(),
            "jwks_url": self.jwks_url(),
            "kid": ephemeral::KID,
            "users": users,
            "clients": clients,
        })
        .to_string()
    }

    /// Formats them as shell variables. The last line marks the end.
    fn variables(&self) -> String {
        let mut lines = vec![
            format!("INWREN_URL={}", self.url),
            format!("INWREN_ISSUER={}", self.issuer),
            format!("INWREN_AUDIENCE={}", self.audience),
            format!("INWREN_DISCOVERY_URL={}", self.discovery_url()),
            format!("INWREN_JWKS_URL={}", self.jwks_url()),
            format!("INWREN_KID={}", ephemeral::KID),
        ];
        for seed in ephemeral::SEEDS {
            let name = seed.email.split('@').next().unwrap_or_default().to_uppercase();
            lines.push(format!("INWREN_{name}_ID={}", seed.id));
            lines.push(format!("INWREN_{name}_EMAIL={}", seed.email));
            lines.push(format!("INWREN_{name}_PASSWORD={}", seed.password));
            lines.extend(seed.totp_secret.map(|secret| format!("INWREN_{name}_TOTP_SECRET={secret}")));
        }
        for client in ephemeral::CLIENTS {
            let name = client.variable();
            lines.push(format!("INWREN_{name}_CLIENT_ID={}", client.id));
            lines.extend(client.secret.map(|secret| format!("INWREN_{name}_CLIENT_SECRET={secret}")));
        }
        lines.push("INWREN_READY=1".to_owned());
        lines.join("\n")
    }

    fn discovery_url(&self) -> String {
        format!("{}/.well-known/openid-configuration", self.url)
    }

    fn jwks_url(&self) -> String {
        format!("{}/.well-known/jwks.json", self.url)
    }
}
