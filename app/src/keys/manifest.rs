//! The key manifest: which key signs from when.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use inwren_adapters::crypto::ring::{KeyRing, RingKey};
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::files::{KeyFileError, PRIVATE, io_error};
use crate::runtime::private_file;

/// All current and former keys. Changes set only the times of a key, and never remove one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u32,
    /// The keys.
    pub keys: Vec<ManifestKey>,
}

/// A key and its times.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ManifestKey {
    /// The key id (RFC 7638).
    pub kid: String,
    /// The file of the private key, beside the manifest.
    pub file: String,
    /// When it was created or taken over.
    #[serde(with = "time::serde::rfc3339")]
    pub created_at: OffsetDateTime,
    /// When it starts to sign. It signs until the next key starts.
    #[serde(with = "time::serde::rfc3339")]
    pub signs_from: OffsetDateTime,
    /// When it was given up, before it started to sign.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub retired_at: Option<OffsetDateTime>,
    /// When it was revoked because the private key had leaked. Everything that it signed is invalid.
    #[serde(with = "time::serde::rfc3339::option", default, skip_serializing_if = "Option::is_none")]
    pub revoked_at: Option<OffsetDateTime>,
}

impl ManifestKey {
    /// Whether the key is neither revoked nor given up, so that it has signed, signs or will sign.
    pub fn is_usable(&self) -> bool {
        self.revoked_at.is_none() && self.retired_at.is_none()
    }
}

const VERSION: u32 = 1;

impl Manifest {
    /// A manifest of these keys.
    pub fn new(keys: Vec<ManifestKey>) -> Self {
        Self { version: VERSION, keys }
    }

    /// Reads and validates a manifest. `None` if the file does not exist.
    pub fn read(path: &Path) -> Result<Option<Self>, KeyFileError> {
        let json = match fs::read(path) {
            Ok(json) => json,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(io_error(PRIVATE, path)(error)),
        };
        let wrong = |problem: String| KeyFileError::Manifest { path: path.to_owned(), problem };
        let manifest: Self = serde_json::from_slice(&json)
            .map_err(|error| wrong(format!("is no manifest of keys: {error}")))?;
        manifest.check().map_err(wrong)?;
        Ok(Some(manifest))
    }

    /// Checks what every manifest must satisfy, including one that an operator has edited.
    fn check(&self) -> Result<(), String> {
        if self.version != VERSION {
            return Err(format!("is of version {}; this is version {VERSION}", self.version));
        }
        for (place, key) in self.keys.iter().enumerate() {
            let ManifestKey { kid, file, .. } = key;
            if self.keys.iter().skip(place + 1).any(|other| other.kid == *kid) {
                return Err(format!("has the key {kid:?} twice"));
            }
            if !is_plain(kid) || !is_plain(file) {
                return Err(format!("has a kid or a file that is not a plain name: {kid:?}, {file:?}"));
            }
            if key.retired_at.is_some_and(|at| at > key.signs_from) {
                return Err(format!(
                    "retires {kid:?} after it began to sign; a key that signs retires when the next one begins"
                ));
            }
        }
        if self.ring(Duration::ZERO).is_none() {
            return Err("has no key that can sign".to_owned());
        }
        Ok(())
    }

    /// The keys that are neither revoked nor given up, as a ring. `None` if there are none.
    pub fn ring(&self, token_lifetime: Duration) -> Option<KeyRing<&ManifestKey>> {
        let usable = self.keys.iter().filter(|key| key.is_usable());
        let keys = usable.map(|key| RingKey { id: key.kid.clone(), signs_from: key.signs_from, key });
        KeyRing::new(keys.collect(), token_lifetime)
    }

    /// Replaces the manifest atomically.
    pub fn write(&self, path: &Path) -> Result<(), KeyFileError> {
        let io = io_error(PRIVATE, path);
        let mut json = serde_json::to_vec_pretty(self).map_err(|error| io(error.into()))?;
        json.push(b'\n');
        private_file::replace(path, &json).map_err(io)
    }
}

/// Whether a name is a plain file name without a path.
fn is_plain(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    (1..=200).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(kid: &str) -> ManifestKey {
        let at = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
        ManifestKey {
            kid: kid.to_owned(),
            file: format!("key-{kid}.pem"),
            created_at: at,
            signs_from: at,
            retired_at: None,
            revoked_at: None,
        }
    }

    #[test]
    fn what_is_written_is_read_back() {
        let folder = std::env::temp_dir().join(format!("inwren-manifest-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join("keys.json");
        assert_eq!(Manifest::read(&path).unwrap(), None);
        let revoked = ManifestKey { revoked_at: Some(OffsetDateTime::UNIX_EPOCH), ..key("b") };
        let manifest = Manifest::new(vec![key("a"), revoked]);
        for _ in 0..2 {
            manifest.write(&path).unwrap();
            assert_eq!(Manifest::read(&path).unwrap().as_ref(), Some(&manifest));
        }
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn a_manifest_that_cannot_be_is_refused() {
        let (early, late) = (key("a").signs_from - Duration::HOUR, key("a").signs_from + Duration::HOUR);
        let wrong = [
            vec![],
            vec![key("a"), key("a")],
            vec![ManifestKey { revoked_at: Some(late), ..key("a") }],
            vec![ManifestKey { retired_at: Some(early), ..key("a") }],
            vec![key("b"), ManifestKey { retired_at: Some(late), ..key("a") }],
            vec![ManifestKey { file: "../a.pem".to_owned(), ..key("a") }],
            vec![ManifestKey { file: "/etc/passwd".to_owned(), ..key("a") }],
            vec![ManifestKey { kid: String::new(), ..key("a") }],
        ];
        for keys in wrong {
            assert!(Manifest::new(keys.clone()).check().is_err(), "{keys:?}");
        }
        assert!(Manifest { version: 2, keys: vec![key("a")] }.check().is_err());
        assert!(Manifest::new(vec![key("a"), key("b")]).check().is_ok());
    }
}
