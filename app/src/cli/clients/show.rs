//! Lists clients, and shows one.

use inwren_domain::Core;
use inwren_domain::account::admin::Admin;
use inwren_domain::client::{Client, ClientId, ClientSecret, manage};
use serde::Serialize;
use serde_json::json;
use time::OffsetDateTime;

use super::output::{WIDTH, refused, values};
use crate::cli::error::{Failed, Outcome};
use crate::cli::support::{say, shortened};
use crate::client_settings::ClientTexts;
use crate::keys;

/// Largest width of the column of ids. Longer ids are truncated; JSON has all of them.
const MAX_ID_COLUMNS: usize = 44;
/// Width of the columns between id and name, with the spaces.
const MIDDLE_COLUMNS: usize = 38;
/// Width of the labels of a client's settings.
const LABEL_COLUMNS: usize = 27;

/// Lists all clients.
pub(super) async fn list(core: &Core, as_json: bool) -> Outcome {
    let clients = manage::all(core, Admin::operator()).await.map_err(Failed::because)?;
    if as_json {
        let each: Vec<_> = clients.iter().map(summary).collect();
        say(&json!({ "clients": each }).to_string());
    } else {
        table(&clients).iter().for_each(|line| say(line));
    }
    Ok(())
}

fn summary(client: &Client) -> serde_json::Value {
    json!({
        "id": client.id.as_str(),
        "name": client.settings.name.as_str(),
        "kind": client.settings.kind.as_str(),
        "state": client.settings.state.as_str(),
        "created_at": keys::text(client.created_at),
        "revoked_at": (!client.is_active()).then(|| keys::text(client.updated_at)),
    })
}

/// The clients as lines of at most [`WIDTH`] characters.
fn table(clients: &[Client]) -> Vec<String> {
    let ids = clients.iter().map(|client| client.id.as_str().len());
    let id_width = ids.chain(["CLIENT ID".len()]).max().unwrap_or_default().min(MAX_ID_COLUMNS);
    let name_width = WIDTH - MIDDLE_COLUMNS - id_width;
    let line = |[id, created, kind, state, name]: [&str; 5]| {
        let (id, name) = (shortened(id, id_width), shortened(name, name_width));
        format!("{id:<id_width$}  {created:<10}  {kind:<12}  {state:<8}  {name}")
    };
    let mut lines = vec![line(["CLIENT ID", "CREATED", "KIND", "STATE", "NAME"])];
    for Client { id, settings, created_at, .. } in clients {
        let (kind, state) = (settings.kind.as_str(), settings.state.as_str());
        let created = created_at.date().to_string();
        lines.push(line([id.as_str(), &created, kind, state, settings.name.as_str()]));
    }
    lines
}

/// The JSON of a client.
#[derive(Serialize)]
struct Shown<'a> {
    id: &'a str,
    #[serde(flatten)]
    texts: ClientTexts,
    /// The id in audit events.
    uid: String,
    created_at: String,
    updated_at: String,
    secrets: Vec<ShownSecret>,
}

#[derive(Serialize)]
struct ShownSecret {
    id: String,
    created_at: String,
    expires_at: Option<String>,
}

/// Shows a client.
pub(super) async fn show(core: &Core, id: &ClientId, as_json: bool) -> Outcome {
    let (client, secrets) = manage::get(core, Admin::operator(), id).await.map_err(refused)?;
    if as_json {
        let shown = Shown {
            id: client.id.as_str(),
            texts: ClientTexts::from(&client),
            uid: client.uid.to_string(),
            created_at: keys::text(client.created_at),
            updated_at: keys::text(client.updated_at),
            secrets: secrets.iter().map(shown_secret).collect(),
        };
        say(&serde_json::to_string(&shown).map_err(Failed::because)?);
    } else {
        lines(&client, &secrets, core.clock.now()).iter().for_each(|line| say(line));
    }
    Ok(())
}

fn shown_secret(secret: &ClientSecret) -> ShownSecret {
    ShownSecret {
        id: secret.id.to_string(),
        created_at: keys::text(secret.created_at),
        expires_at: secret.expires_at.map(keys::text),
    }
}

fn lines(client: &Client, secrets: &[ClientSecret], now: OffsetDateTime) -> Vec<String> {
    let mut lines = vec![labelled("id", client.id.as_str())];
    for (field, text) in client.settings.fields() {
        lines.extend(setting(field, &text));
    }
    lines.push(labelled("uid", &client.uid.to_string()));
    lines.push(labelled("created_at", &keys::text(client.created_at)));
    lines.push(labelled("updated_at", &keys::text(client.updated_at)));
    if !secrets.is_empty() {
        let line = |[id, created, expires]: [&str; 3]| format!("{id:<36}  {created:<20}  {expires}");
        lines.push(String::new());
        lines.push(line(["SECRET ID", "CREATED", "EXPIRES"]));
        for secret in secrets {
            let expires = secret.expires_at.map_or_else(|| "never".to_owned(), keys::text);
            let note = if secret.is_valid(now) { "" } else { " (expired)" };
            let created = keys::text(secret.created_at);
            lines.push(line([&secret.id.to_string(), &created, &format!("{expires}{note}")]));
        }
    }
    lines
}

fn labelled(label: &str, value: &str) -> String {
    let label = if label.is_empty() { String::new() } else { format!("{label}:") };
    format!("{label:<LABEL_COLUMNS$}{value}").trim_end().to_owned()
}

/// A setting in one line, or a long list with a line per value.
fn setting(field: &str, text: &str) -> Vec<String> {
    let space = WIDTH - LABEL_COLUMNS;
    let text = text.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() {
        return vec![labelled(field, "none")];
    }
    if text.chars().count() <= space {
        return vec![labelled(field, &text)];
    }
    match values(field, &text).as_slice() {
        [one] => vec![labelled(field, &shortened(one, space))],
        several => {
            let labels = std::iter::once(field).chain(std::iter::repeat(""));
            labels.zip(several).map(|(label, value)| labelled(label, value)).collect()
        }
    }
}

#[cfg(test)]
mod tests {
    use inwren_domain::client::{
        ClientKind, ClientName, ClientSecretId, ClientSettings, ClientUid, RedirectUri,
    };
    use inwren_domain::kernel::TokenDigest;
    use uuid::Uuid;

    use super::*;

    fn client(id: &str, name: &str) -> Client {
        let settings = ClientSettings::of_service(ClientName::parse(name).unwrap());
        Client {
            uid: ClientUid::from_uuid(Uuid::nil()),
            id: ClientId::parse(id).unwrap(),
            settings: ClientSettings { kind: ClientKind::Confidential, ..settings },
            created_at: OffsetDateTime::UNIX_EPOCH,
            updated_at: OffsetDateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn tables_fit_one_hundred_columns() {
        let name = "n".repeat(100);
        for id in ["grafana".to_owned(), Uuid::nil().to_string(), "i".repeat(64)] {
            let lines = table(&[client(&id, &name), client("billing", "billing")]);
            assert!(lines.iter().all(|line| line.chars().count() <= WIDTH), "{lines:?}");
            assert_eq!(lines[1].chars().count(), WIDTH, "{lines:?}");
            assert!(lines[2].contains("  1970-01-01  confidential  active    billing"), "{lines:?}");
        }
    }

    #[test]
    fn long_lists_have_a_line_per_value() {
        let mut client = client("grafana", "Grafana");
        let uri =
            |host: &str| RedirectUri::from_stored(format!("https://{host}.example/login/generic_oauth"));
        client.settings.redirect_uris = vec![uri("one"), uri("two")];
        client.settings.jwks = Some("{}\n".repeat(100));
        let secret = ClientSecret {
            id: ClientSecretId::from_uuid(Uuid::nil()),
            client: client.uid,
            digest: TokenDigest::from_bytes([7; 32]),
            created_at: OffsetDateTime::UNIX_EPOCH,
            expires_at: Some(OffsetDateTime::UNIX_EPOCH),
        };
        let lines = lines(&client, &[secret], OffsetDateTime::UNIX_EPOCH);
        assert!(lines.iter().all(|line| line.chars().count() <= WIDTH && !line.contains('\n')), "{lines:?}");
        let first = lines.iter().position(|line| line.starts_with("redirect_uris: ")).unwrap();
        assert!(lines[first].ends_with("https://one.example/login/generic_oauth"), "{lines:?}");
        assert!(
            lines[first + 1].starts_with("   ") && lines[first + 1].contains("https://two."),
            "{lines:?}"
        );
        assert!(lines.iter().any(|line| line.starts_with("jwks: ") && line.ends_with('…')), "{lines:?}");
        assert!(lines.last().unwrap().ends_with("  1970-01-01T00:00:00Z (expired)"), "{lines:?}");
    }
}
