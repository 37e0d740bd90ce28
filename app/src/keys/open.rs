//! Loads all keys that are in use.

use inwren_adapters::crypto::jwt::{SigningKey, SigningKeys};
use inwren_adapters::crypto::keys::KeyPair;
use time::{Duration, OffsetDateTime};

use super::files::{self, KeyFileError, load, load_private};
use super::manifest::{Manifest, ManifestKey};
use crate::config::{Environment, KeyPaths};
use crate::runtime::watch::Stamp;

/// The locations of the keys, and the rules that apply to them.
#[derive(Clone, Debug)]
pub struct KeyStore {
    /// The files.
    pub paths: KeyPaths,
    /// The environment. It decides whether missing keys are generated and exposed keys are rejected.
    pub environment: Environment,
    /// The lifetime of the longest-lived token.
    pub token_lifetime: Duration,
    /// How long verifiers may cache the public keys.
    pub max_age: Duration,
}

/// The loaded keys.
pub struct Opened {
    /// The keys.
    pub keys: SigningKeys,
    /// The version of the manifest that lists them. `None` without a manifest.
    pub manifest: Option<Stamp>,
    /// Whether a key pair was generated, because there was none.
    pub made: bool,
}

/// The minimum time for instances to notice a change, beside the time that verifiers cache keys. Instances look every 2
/// seconds.
const LEAST_SLACK: Duration = Duration::seconds(5);

impl KeyStore {
    /// How long a key is published before it signs: twice `max_age`, plus a tenth of `max_age` (at least 5 seconds) for
    /// the instances to notice the key.
    pub fn published_ahead(&self) -> Duration {
        let slack: Duration = self.max_age / 10;
        self.max_age * 2 + slack.max(LEAST_SLACK)
    }

    /// Loads the keys. Generates a key pair if there is none and the environment allows it.
    pub fn open_or_generate(&self, now: OffsetDateTime) -> Result<Opened, KeyFileError> {
        match self.generate_first()? {
            Some(pair) => Ok(Opened { made: true, ..self.single(pair) }),
            None => self.open(now),
        }
    }

    /// Generates a key pair if there is none and the environment allows it.
    pub fn generate_first(&self) -> Result<Option<KeyPair>, KeyFileError> {
        let KeyPaths { private, public, .. } = &self.paths;
        let is_there = private.exists() || public.exists() || self.paths.manifest().exists();
        if self.environment != Environment::Development || is_there {
            return Ok(None);
        }
        match files::generate(&self.paths, super::DEFAULT_BITS) {
            // Another process that started at the same time has created it first.
            Err(KeyFileError::Exists { .. }) => Ok(None),
            made => made.map(Some),
        }
    }

    /// Loads and validates all keys. An unusable key is an error; it is not skipped.
    pub fn open(&self, now: OffsetDateTime) -> Result<Opened, KeyFileError> {
        let stamp = Stamp::of(&self.paths.manifest());
        let Some(manifest) = Manifest::read(&self.paths.manifest())? else {
            return load(&self.paths, self.environment).map(|pair| self.single(pair));
        };
        let ring = manifest.ring(self.token_lifetime);
        let published = ring.iter().flat_map(|ring| ring.published(now));
        let read = |key: &ManifestKey| Ok(SigningKey { pair: self.read(key)?, signs_from: key.signs_from });
        let keys = published.map(|(key, _)| read(key.key)).collect::<Result<_, KeyFileError>>()?;
        let keys = SigningKeys { keys, token_lifetime: self.token_lifetime };
        Ok(Opened { keys, manifest: stamp, made: false })
    }

    fn single(&self, pair: KeyPair) -> Opened {
        Opened { keys: SigningKeys::of_one(pair), manifest: None, made: false }
    }

    fn read(&self, key: &ManifestKey) -> Result<KeyPair, KeyFileError> {
        let path = self.paths.private.with_file_name(&key.file);
        let pair = if path == self.paths.private {
            load(&self.paths, self.environment)?
        } else {
            load_private(&path, self.paths.passphrase(), self.environment)?
        };
        if pair.public().id() == key.kid {
            return Ok(pair);
        }
        let problem = format!("names the key {}, but {} is another one", key.kid, key.file);
        Err(KeyFileError::Manifest { path: self.paths.manifest(), problem })
    }
}
