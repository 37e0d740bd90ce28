//! The secrets in the database and in the key folder.

use std::path::Path;

use inwren_adapters::crypto::keys::KeyPair;

use super::TELLING;
use crate::process::support::database::Storage;

/// Digests, sealed secrets and password hashes, in all encodings that a log may use.
pub(super) fn digests(storage: &Storage) -> Vec<String> {
    let mut secrets = Vec::new();
    for row in storage.ask("SELECT hashed_password FROM users") {
        let phc: String = row.try_get("", "hashed_password").expect("a hash");
        secrets.extend(phc.split('$').filter(|part| part.len() >= TELLING).map(str::to_owned));
    }
    for question in [
        "SELECT hashed_refresh_token AS digest FROM sessions",
        "SELECT digest FROM client_secrets",
        "SELECT digest FROM recovery_codes",
        "SELECT digest FROM challenges",
        "SELECT digest FROM trusted_devices",
        "SELECT sealed_secret AS digest FROM factors WHERE sealed_secret IS NOT NULL",
    ] {
        let rows = storage.ask(question);
        assert!(!rows.is_empty(), "{question}: nothing was kept");
        for row in rows {
            let digest: Vec<u8> = row.try_get("", "digest").expect("a digest");
            secrets.push(digest.iter().map(|byte| format!("{byte:02x}")).collect());
            secrets.push(digest.iter().map(|byte| format!("{byte:02X}")).collect());
            secrets.push(digest.iter().map(u8::to_string).collect::<Vec<_>>().join(", "));
        }
    }
    assert!(secrets.len() > 8, "the database is empty");
    secrets
}

/// Ids of refresh tokens. With an id, a holder of the signing key could create the refresh token again. The owner of
/// the token may know its id.
pub(super) fn refresh_token_ids(storage: &Storage) -> Vec<String> {
    let rows = storage.ask("SELECT refresh_jti FROM sessions");
    rows.into_iter().map(|row| row.try_get("", "refresh_jti").expect("an id")).collect()
}

/// Every secret key.
pub(super) fn secret_keys(folder: &Path) -> Vec<String> {
    let file = std::fs::read_to_string(folder.join("certs/secret.keys")).expect("the secret keys");
    let keys = file.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split(' ').nth(1));
    let keys: Vec<String> = keys.map(str::to_owned).collect();
    assert!(keys.iter().all(|key| key.len() >= TELLING) && !keys.is_empty(), "a file without keys");
    keys
}

/// Every private key, both encrypted as stored and decrypted.
pub(super) fn keys(folder: &Path, passphrase: &str) -> Vec<String> {
    let mut secrets = Vec::new();
    let mut found = 0;
    for entry in std::fs::read_dir(folder.join("certs")).expect("the keys") {
        let encrypted = std::fs::read_to_string(entry.expect("a file").path()).expect("a text");
        if !encrypted.contains("ENCRYPTED PRIVATE KEY") {
            continue;
        }
        found += 1;
        let plain = KeyPair::read(&encrypted, Some(passphrase)).expect("a key").to_pem().expect("PEM");
        let lines = encrypted.lines().chain(plain.lines()).filter(|line| !line.starts_with("---"));
        secrets.extend(lines.filter(|line| line.len() >= TELLING).map(str::to_owned));
    }
    assert_eq!(found, 2, "the first key and the one after it");
    secrets
}
