//! The file of clients, which `inwren clients apply` reads.

use std::fmt;

use inwren_domain::client::{ClientId, ClientKind, ClientSettings};
use serde::Deserialize;
use toml::Spanned;

use crate::client_settings::{ClientTexts, settings};

/// A client that the file lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The line where it starts.
    pub line: usize,
    /// The client.
    pub id: ClientId,
    /// Its settings.
    pub settings: ClientSettings,
}

/// A part of the file is invalid.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileError {
    /// The line of the part, or of the client that contains it.
    pub line: Option<usize>,
    /// The `id` of the client.
    pub client: Option<String>,
    /// The field of the client.
    pub field: Option<&'static str>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if let Some(client) = &self.client {
            write!(f, "client {client:?}: ")?;
        }
        if let Some(field) = self.field {
            write!(f, "{field}: ")?;
        }
        f.write_str(&self.reason)
    }
}

impl std::error::Error for FileError {}

/// Parses the file.
pub fn parse(text: &str) -> Result<Vec<Listed>, FileError> {
    let file: File = toml::from_str(text).map_err(|error| FileError {
        line: error.span().map(|span| line_at(text, span.start)),
        client: None,
        field: None,
        reason: error.message().to_owned(),
    })?;
    let mut listed: Vec<Listed> = Vec::new();
    for entry in file.clients {
        let line = line_at(text, entry.span().start);
        let client = listed_of(line, entry.into_inner())?;
        check_unique(&listed, &client)?;
        listed.push(client);
    }
    Ok(listed)
}

/// The file.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    clients: Vec<Spanned<Entry>>,
}

/// A client in the file. The fields but `id` are those of [`ClientTexts`]; all but `id` and `name` have defaults.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    id: String,
    name: String,
    kind: Option<String>,
    redirect_uris: Option<Vec<String>>,
    post_logout_redirect_uris: Option<Vec<String>>,
    scopes: Option<Vec<String>>,
    grant_types: Option<Vec<String>>,
    auth_method: Option<String>,
    first_party: Option<bool>,
    min_acr: Option<String>,
    allowed_tiers: Option<Vec<String>>,
    access_minutes: Option<u16>,
    refresh_days: Option<u16>,
    backchannel_logout_uri: Option<String>,
    jwks: Option<String>,
    resources: Option<Vec<String>>,
    state: Option<String>,
}

impl Entry {
    fn texts(self) -> ClientTexts {
        let kind = self.kind.unwrap_or_else(|| ClientKind::Confidential.as_str().to_owned());
        let default = ClientTexts::of_kind(&self.name, &kind);
        ClientTexts {
            redirect_uris: self.redirect_uris.unwrap_or(default.redirect_uris),
            post_logout_redirect_uris: self
                .post_logout_redirect_uris
                .unwrap_or(default.post_logout_redirect_uris),
            scopes: self.scopes,
            grant_types: self.grant_types,
            auth_method: self.auth_method,
            first_party: self.first_party.unwrap_or(default.first_party),
            min_acr: self.min_acr.unwrap_or(default.min_acr),
            allowed_tiers: self.allowed_tiers.unwrap_or(default.allowed_tiers),
            access_minutes: self.access_minutes.unwrap_or(default.access_minutes),
            refresh_days: self.refresh_days.unwrap_or(default.refresh_days),
            backchannel_logout_uri: self.backchannel_logout_uri.unwrap_or(default.backchannel_logout_uri),
            jwks: self.jwks.unwrap_or(default.jwks),
            resources: self.resources.unwrap_or(default.resources),
            state: self.state.unwrap_or(default.state),
            name: self.name,
            kind,
        }
    }
}

fn listed_of(line: usize, entry: Entry) -> Result<Listed, FileError> {
    let client = entry.id.clone();
    let wrong =
        |field, reason| FileError { line: Some(line), client: Some(client), field: Some(field), reason };
    let id = match ClientId::parse(&entry.id) {
        Ok(id) => id,
        Err(invalid) => return Err(wrong("id", invalid.to_string())),
    };
    match settings(entry.texts()) {
        Ok(settings) => Ok(Listed { line, id, settings }),
        Err(error) => Err(wrong(error.field, error.reason)),
    }
}

fn check_unique(before: &[Listed], client: &Listed) -> Result<(), FileError> {
    let (same_id, same_name) = (
        before.iter().find(|other| other.id == client.id),
        before.iter().find(|other| other.settings.name == client.settings.name),
    );
    let Some((field, other)) = same_id.map(|other| ("id", other)).or(same_name.map(|other| ("name", other)))
    else {
        return Ok(());
    };
    Err(FileError {
        line: Some(client.line),
        client: Some(client.id.to_string()),
        field: Some(field),
        reason: format!("the client in line {} has it, too", other.line),
    })
}

/// The line of an offset, from 1.
fn line_at(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    before.iter().filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use inwren_domain::client::AuthMethod;

    use super::*;

    const GRAFANA: &str = r#"
[[clients]]
id = "grafana"
name = "Grafana"
kind = "confidential"
redirect_uris = ["https://grafana.example/login/generic_oauth"]
post_logout_redirect_uris = []
scopes = ["openid", "profile", "email"]
grant_types = ["authorization_code", "refresh_token"]
auth_method = "client_secret_basic"
first_party = false
min_acr = "aal1"
allowed_tiers = []
access_minutes = 30
refresh_days = 7
backchannel_logout_uri = "https://grafana.example/logout"
jwks = ""
"#;

    #[test]
    fn omitted_fields_have_defaults() {
        let short = r#"
[[clients]]
id = "grafana"
name = "Grafana"
redirect_uris = ["https://grafana.example/login/generic_oauth"]
backchannel_logout_uri = "https://grafana.example/logout"
"#;
        let [listed]: [Listed; 1] = parse(GRAFANA).unwrap().try_into().unwrap();
        assert_eq!(parse(short).unwrap(), std::slice::from_ref(&listed));
        assert_eq!((listed.line, listed.id.as_str()), (2, "grafana"));
        assert_eq!(listed.settings.kind, ClientKind::Confidential);
        assert_eq!(listed.settings.auth_method, AuthMethod::ClientSecretBasic);
        assert!(listed.settings.jwks.is_none() && listed.settings.backchannel_logout_uri.is_some());
        assert!(parse("").unwrap().is_empty());
    }

    #[test]
    fn errors_name_line_client_and_field() {
        let with = |line: &str| format!("{GRAFANA}{line}\n");
        for (text, parts) in [
            (with("redirect_url = \"x\""), &["line 18", "redirect_url", "redirect_uris"][..]),
            (with("clients = 1"), &["line 18", "clients"]),
            (with("resources = \"https://a.example\""), &["line 18", "sequence"]),
            (with("state = \"off\""), &["line 2: ", "\"grafana\"", "state: ", "disabled"]),
            (with("resources = [\"orders\"]"), &["line 2: ", "resources: \"orders\""]),
            (GRAFANA.replace("grafana\"\n", "gra fana\"\n"), &["line 2: ", "\"gra fana\"", "id: "]),
            (GRAFANA.replace("name = \"Grafana\"", ""), &["line 2: ", "name"]),
            (GRAFANA.replace("30", "-1"), &["line 14: ", "-1"]),
            (with("min_acr = \"aal2\""), &["line 18", "duplicate"]),
            (with("[[apps]]"), &["line 18", "apps", "clients"]),
            (format!("{GRAFANA}{GRAFANA}"), &["line 19: ", "id: ", "line 2 "]),
            (
                format!("{GRAFANA}{}", GRAFANA.replace("\"grafana\"", "\"other\"")),
                &["line 19: ", "\"other\"", "name: "],
            ),
        ] {
            let error = parse(&text).unwrap_err().to_string();
            assert!(parts.iter().all(|part| error.contains(part)), "{parts:?}: {error}");
        }
    }
}
