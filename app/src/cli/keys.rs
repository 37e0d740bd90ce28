use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::token::KeyState;
use serde_json::json;
use time::OffsetDateTime;

use super::args::KeysCommand;
use super::error::{Failed, Outcome};
use super::support::{absolute, confirm, say};
use crate::config::Config;
use crate::keys::{self, Change, Changed, KeyFileError, KeyStore, Manifest, ManifestKey, text};
use crate::wiring;

/// Runs a command on the signing keys.
pub(super) fn run(config: &Config, command: KeysCommand) -> Outcome {
    let store = wiring::key_store(config);
    match command {
        KeysCommand::Generate { bits, if_missing } => generate(config, bits, if_missing),
        KeysCommand::Rotate { bits, now } => change(&store, &Change::Rotate { bits: bits.into(), now }),
        KeysCommand::List { json } => list(&store, json),
        KeysCommand::Retire { kid } => change(&store, &Change::Retire(kid)),
        KeysCommand::Revoke { kid, yes, bits } => {
            keys::check_revocable(&store, &kid, wiring::clock().now()).map_err(Failed::because)?;
            confirm(
                &format!(
                    "This invalidates all tokens that the key {kid} has signed: their users have to log in again. To \
                     change keys without this effect, run `inwren keys rotate`."
                ),
                yes,
            )?;
            change(&store, &Change::Revoke { kid, bits: bits.into() })
        }
    }
}

fn generate(config: &Config, bits: u16, if_missing: bool) -> Outcome {
    let pair: KeyPair = match keys::generate(&config.keys, bits.into()) {
        Err(KeyFileError::Exists { path }) if if_missing => {
            say(&format!("nothing to do: {} exists already", path.display()));
            return Ok(());
        }
        made => made.map_err(Failed::because)?,
    };
    say(&format!("private key: {}", config.keys.private.display()));
    say(&format!("public key:  {}", config.keys.public.display()));
    say(&format!("kid:         {}", pair.public().id()));
    Ok(())
}

fn change(store: &KeyStore, wanted: &Change) -> Outcome {
    let now = wiring::clock().now();
    match keys::change(store, wanted, now).map_err(Failed::because)? {
        Changed::Signs { kid, from } if from <= now => say(&format!("{kid} signs from now on")),
        Changed::Signs { kid, from } => {
            say(&format!("{kid} is published now, and signs from {}", text(from)));
        }
        Changed::GivenUp => say("gave up the pending key: it will not sign"),
        Changed::Revoked => say("revoked the key: the tokens that it signed are invalid"),
    }
    say(&format!("keys: {}", absolute(&store.paths.manifest()).display()));
    Ok(())
}

fn list(store: &KeyStore, as_json: bool) -> Outcome {
    let now = wiring::clock().now();
    let manifest = keys::current(store, now).map_err(Failed::because)?;
    let rows = rows(store, &manifest, now);
    if as_json {
        let keys: Vec<_> = rows.iter().map(Row::json).collect();
        say(&json!({ "keys": keys }).to_string());
        return Ok(());
    }
    // A file name repeats the kid, so only JSON shows it: the table fits 100 columns.
    say(&format!("{:<43}  {:<8}  {:<20}  PUBLISHED UNTIL", "KID", "STATE", "SIGNS FROM"));
    for row in rows {
        let until = row.until.map_or("-".to_owned(), text);
        let ManifestKey { kid, signs_from, .. } = row.key;
        say(&format!("{kid:<43}  {:<8}  {:<20}  {until}", row.state, text(*signs_from)));
    }
    Ok(())
}

/// A key in the output of `keys list`.
struct Row<'a> {
    key: &'a ManifestKey,
    state: &'static str,
    until: Option<OffsetDateTime>,
}

impl Row<'_> {
    fn json(&self) -> serde_json::Value {
        let ManifestKey { kid, file, created_at, signs_from, revoked_at, .. } = self.key;
        json!({
            "kid": kid,
            "state": self.state,
            "file": file,
            "created_at": text(*created_at),
            "signs_from": text(*signs_from),
            "published_until": self.until.map(text),
            "revoked_at": revoked_at.map(text),
        })
    }
}

fn rows<'a>(store: &KeyStore, manifest: &'a Manifest, now: OffsetDateTime) -> Vec<Row<'a>> {
    let ring = manifest.ring(store.token_lifetime);
    let row = |key: &'a ManifestKey| {
        let used = ring.as_ref().and_then(|ring| ring.all(now).find(|(used, ..)| used.id == key.kid));
        let (state, until) = match used {
            Some((_, state, until)) => (state.map_or("expired", name), until),
            None if key.revoked_at.is_some() => ("revoked", key.revoked_at),
            None => ("given up", key.retired_at),
        };
        Row { key, state, until }
    };
    manifest.keys.iter().map(row).collect()
}

fn name(state: KeyState) -> &'static str {
    match state {
        KeyState::Pending => "pending",
        KeyState::Active => "active",
        KeyState::Retired => "retired",
    }
}
