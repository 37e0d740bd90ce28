//! Settings of the signing keys. The names of the key files had other defaults in earlier releases.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// The settings with today's default name of each file and the former one.
const NAMES: [(&str, &str, &str); 2] = [
    ("PRIVATE_KEY_PATH", "private.pem", "private_key.pem"),
    ("PUBLIC_KEY_PATH", "public.pem", "public_key.pem"),
];

/// The settings that make an installation go on with its keys: its files with the former names where there are none with
/// today's. `value` gives the value of a setting.
pub(super) fn former<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<[(&'static str, String); 2]> {
    let mut found = false;
    let mut former = [("", String::new()), ("", String::new())];
    for (place, (setting, name, former_name)) in former.iter_mut().zip(NAMES) {
        let path = Path::new(value(setting)?.trim());
        let former_path = path.with_file_name(former_name);
        if path.file_name()? != name || path.exists() {
            return None;
        }
        found |= former_path.exists();
        *place = (setting, former_path.display().to_string());
    }
    found.then_some(former)
}

/// A private key with the former name beside the one with today's. Which of the two signs cannot be told, unless both are
/// the same.
pub(super) fn rival(private: &Path) -> Option<PathBuf> {
    let [(_, name, former_name), _] = NAMES;
    let rival = private.with_file_name(former_name);
    let differs = || std::fs::read(private).ok() != std::fs::read(&rival).ok();
    (private.file_name()? == name && private.exists() && rival.exists() && differs()).then_some(rival)
}

/// Where the signing keys are.
#[derive(Clone)]
pub struct KeyPaths {
    /// The private key. The manifest of several keys lies beside it.
    pub private: PathBuf,
    /// The public key, which may be missing.
    pub public: PathBuf,
    /// Another private key, under the default name of earlier releases, where nothing says which of the two is meant.
    pub rival: Option<PathBuf>,
    pub(super) passphrase: Option<Zeroizing<String>>,
}

impl KeyPaths {
    /// The manifest of several keys.
    pub fn manifest(&self) -> PathBuf {
        self.private.with_file_name("keys.json")
    }

    /// What encrypted private keys are read and new ones written with.
    pub fn passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|passphrase| passphrase.as_str())
    }
}

impl std::fmt::Debug for KeyPaths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPaths({})", self.private.display())
    }
}
