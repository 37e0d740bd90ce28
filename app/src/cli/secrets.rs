use inwren_adapters::crypto::keyring::{SecretKey, SecretKeys};
use serde_json::json;

use super::args::SecretsCommand;
use super::error::{Failed, Outcome};
use super::support::{absolute, count, say};
use crate::config::Config;
use crate::keys::text;
use crate::secrets::{self, SecretFileError};
use crate::wiring;

/// Runs a command on the secret keys.
pub(super) fn run(config: &Config, command: SecretsCommand) -> Outcome {
    match command {
        SecretsCommand::Generate { if_missing } => generate(config, if_missing),
        SecretsCommand::Rotate => rotate(config),
        SecretsCommand::List { json } => list(config, json),
    }
}

fn generate(config: &Config, if_missing: bool) -> Outcome {
    let path = &config.secret_keys.path;
    match secrets::generate(path, wiring::clock().now(), &*wiring::entropy()) {
        Ok(keys) => {
            say(&format!("id:          {}", keys.active().id.get()));
            say(&format!("secret keys: {}", absolute(path).display()));
            Ok(())
        }
        Err(SecretFileError::Exists { path }) if if_missing => {
            say(&format!("nothing to do: {} exists already", path.display()));
            Ok(())
        }
        Err(error) => Err(Failed::because(error)),
    }
}

fn rotate(config: &Config) -> Outcome {
    let path = &config.secret_keys.path;
    let now = wiring::clock().now();
    let rotated = secrets::rotate(path, config.environment, now, &*wiring::entropy());
    let rotated = rotated.map_err(Failed::because)?;
    say(&format!("{} derives new links and codes from now on", rotated.active.get()));
    say(&format!("{} is retired: its links and codes stay valid", rotated.retired.get()));
    if rotated.removed > 0 {
        let removed = count(rotated.removed as u64, "key", "keys");
        say(&format!("removed {removed} from which nothing valid was derived"));
    }
    say(&format!("secret keys: {}", absolute(path).display()));
    Ok(())
}

fn list(config: &Config, as_json: bool) -> Outcome {
    let keys = secrets::load(&config.secret_keys.path, config.environment).map_err(Failed::because)?;
    if as_json {
        let rows: Vec<_> = keys.iter().map(|key| row(&keys, key)).collect();
        say(&json!({ "keys": rows }).to_string());
        return Ok(());
    }
    say(&format!("{:<10}  {:<7}  {:<20}  RETIRED", "ID", "STATE", "CREATED"));
    for key in keys.iter() {
        let retired = key.retired_at.map_or("-".to_owned(), text);
        let (id, state, created) = (key.id.get(), state(&keys, key), text(key.created_at));
        say(&format!("{id:<10}  {state:<7}  {created:<20}  {retired}"));
    }
    Ok(())
}

fn row(keys: &SecretKeys, key: &SecretKey) -> serde_json::Value {
    json!({
        "id": key.id.get(),
        "state": state(keys, key),
        "created_at": text(key.created_at),
        "retired_at": key.retired_at.map(text),
    })
}

/// Of several keys that are not retired, only the newest is active.
fn state(keys: &SecretKeys, key: &SecretKey) -> &'static str {
    match key.retired_at {
        Some(_) => "retired",
        None if key.id == keys.active().id => "active",
        None => "unused",
    }
}
