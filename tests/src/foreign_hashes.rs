//! Password hashes that other services made: `tests/python/foreign_hashes.py` wrote them down.

use inwren_domain::credential::PasswordHash;
use serde_json::Value;

/// A hash of another service, and the password that it was made of.
#[derive(Clone, Debug)]
pub struct LegacyHash {
    /// What made it.
    pub made_by: String,
    /// The password, as somebody typed it.
    pub password: String,
    /// The hash.
    pub text: String,
}

impl LegacyHash {
    /// For the hasher and the store.
    pub fn hash(&self) -> PasswordHash {
        PasswordHash::from_phc(self.text.clone())
    }

    /// Whether it is one of bcrypt, which takes in the first 72 bytes of a password only.
    pub fn is_bcrypt(&self) -> bool {
        self.text.starts_with("$2")
    }

    /// Whether the hash does not say how the password ends.
    pub fn is_cut_off(&self) -> bool {
        self.is_bcrypt() && self.password.len() >= 72
    }
}

/// All that were written down: each kind of hash of each of several passwords.
pub fn all() -> Vec<LegacyHash> {
    let written: Value = serde_json::from_str(include_str!("../data/foreign_hashes.json")).expect("JSON");
    let entries = written.as_array().expect("an array");
    let text = |entry: &Value, name: &str| entry[name].as_str().expect("a text").to_owned();
    let read = |entry: &Value| LegacyHash {
        made_by: text(entry, "made_by"),
        password: text(entry, "password"),
        text: text(entry, "hash"),
    };
    entries.iter().map(read).collect()
}
