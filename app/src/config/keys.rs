//! Settings of the signing keys. Earlier releases had other default names for the key files.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

/// Each setting with the current and the former default name of its file.
const NAMES: [(&str, &str, &str); 2] = [
    ("PRIVATE_KEY_PATH", "private.pem", "private_key.pem"),
    ("PUBLIC_KEY_PATH", "public.pem", "public_key.pem"),
];

/// Falls back to the former default names if only files with those names exist, so that an installation keeps its keys.
/// `value` returns the value of a setting.
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

/// A different private key with the former name beside the one with the current name. The service cannot decide which
/// of them to use.
pub(super) fn rival(private: &Path) -> Option<PathBuf> {
    let [(_, name, former_name), _] = NAMES;
    let rival = private.with_file_name(former_name);
    let differs = || std::fs::read(private).ok() != std::fs::read(&rival).ok();
    (private.file_name()? == name && private.exists() && rival.exists() && differs()).then_some(rival)
}

/// The paths of the signing keys.
#[derive(Clone)]
pub struct KeyPaths {
    /// The private key. The manifest of several keys is in the same folder.
    pub private: PathBuf,
    /// The public key. The file is optional.
    pub public: PathBuf,
    /// A different private key under the default name of earlier releases, which makes the choice ambiguous.
    pub rival: Option<PathBuf>,
    pub(super) passphrase: Option<Zeroizing<String>>,
}

impl KeyPaths {
    /// Unencrypted keys in this folder, with the default names.
    pub fn in_folder(folder: &Path) -> Self {
        let [(_, private, _), (_, public, _)] = NAMES;
        Self { private: folder.join(private), public: folder.join(public), rival: None, passphrase: None }
    }

    /// The manifest of several keys.
    pub fn manifest(&self) -> PathBuf {
        self.private.with_file_name("keys.json")
    }

    /// The passphrase for reading and writing encrypted private keys.
    pub fn passphrase(&self) -> Option<&str> {
        self.passphrase.as_ref().map(|passphrase| passphrase.as_str())
    }
}

impl std::fmt::Debug for KeyPaths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "KeyPaths({})", self.private.display())
    }
}
