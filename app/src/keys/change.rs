//! Key changes: rotate, retire and revoke. Each change turns the current manifest into the next one.

use std::fs;

use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::token::KeyState;
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

use super::files::{KeyFileError, PRIVATE, io_error, load, write_private};
use super::manifest::{Manifest, ManifestKey};
use super::open::KeyStore;
use crate::runtime::private_file::open_lock;

/// A change of the keys.
#[derive(Clone, Debug)]
pub enum Change {
    /// Create a key that signs after it has been published for long enough.
    Rotate {
        /// The size of the modulus, in bits.
        bits: usize,
        /// Sign with the new key immediately. If there is a pending key, sign with that one immediately instead.
        now: bool,
    },
    /// Give up a pending key before it signs.
    Retire(String),
    /// Invalidate everything that a key has signed.
    Revoke {
        /// The key.
        kid: String,
        /// The size of the modulus of the replacement key, in bits.
        bits: usize,
    },
}

/// The result of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Changed {
    /// This key signs from the given time.
    Signs {
        /// The key.
        kid: String,
        /// When it starts to sign.
        from: OffsetDateTime,
    },
    /// The pending key will never sign.
    GivenUp,
    /// The key is revoked. It was not the active one.
    Revoked,
}

/// Why a change was rejected. The keys are unchanged.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The key files cannot be read or written.
    #[error(transparent)]
    Files(#[from] KeyFileError),
    /// No key has this id.
    #[error("no key has the id {0}; `inwren keys list` lists all keys")]
    Unknown(String),
    /// Another key is pending.
    #[error("the key {kid} is pending and signs from {}; to sign with it immediately, add --now", text(*from))]
    Pending {
        /// The pending key.
        kid: String,
        /// When it starts to sign.
        from: OffsetDateTime,
    },
    /// The key is the active one.
    #[error(
        "the key {0} is the active one. It retires automatically when the next key starts to sign: run `inwren keys rotate`"
    )]
    Active(String),
    /// The key has retired, was given up or is revoked already.
    #[error("the key {0} no longer signs: it is retired, given up or revoked")]
    Over(String),
}

/// Changes the keys. A lock file serialises concurrent changes.
pub fn change(store: &KeyStore, change: &Change, now: OffsetDateTime) -> Result<Changed, Refused> {
    let path = store.paths.manifest();
    // Without keys, fail before the lock file is created.
    if !path.exists() && !store.paths.private.exists() {
        return Err(KeyFileError::Missing { variable: PRIVATE, path: store.paths.private.clone() }.into());
    }
    let lock = path.with_extension("lock");
    let held = open_lock(&lock).and_then(|file| {
        file.lock()?;
        Ok(file)
    });
    let _held = held.map_err(io_error(PRIVATE, &lock))?;
    let mut manifest = current(store, now)?;
    // Check the current keys first, so that an existing fault does not look like a fault of the change. A revocation
    // does not wait until such a fault is repaired.
    if !matches!(change, Change::Revoke { .. }) {
        store.open(now)?;
    }
    let changed = Changing { store, now }.apply(&mut manifest, change)?;
    manifest.write(&path)?;
    Ok(changed)
}

/// The manifest, or the initial one if there is none: it lists the single key, with the time of its file.
pub fn current(store: &KeyStore, now: OffsetDateTime) -> Result<Manifest, KeyFileError> {
    if let Some(manifest) = Manifest::read(&store.paths.manifest())? {
        return Ok(manifest);
    }
    let private = &store.paths.private;
    let kid = load(&store.paths, store.environment)?.public().id().to_owned();
    let file = private.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let changed =
        fs::metadata(private).and_then(|file| file.modified()).map_err(io_error(PRIVATE, private))?;
    // The key signs already, so a time in the future is wrong.
    let at = OffsetDateTime::from(changed).min(now).truncate_to_second();
    let key = ManifestKey { kid, file, created_at: at, signs_from: at, retired_at: None, revoked_at: None };
    Ok(Manifest::new(vec![key]))
}

/// Checks that a key can be revoked, before the operator confirms the revocation.
pub fn check_revocable(store: &KeyStore, kid: &str, now: OffsetDateTime) -> Result<(), Refused> {
    let mut manifest = current(store, now)?;
    revocable(&mut manifest, kid).map(|_| ())
}

struct Changing<'a> {
    store: &'a KeyStore,
    now: OffsetDateTime,
}

impl Changing<'_> {
    fn apply(&self, manifest: &mut Manifest, change: &Change) -> Result<Changed, Refused> {
        match change {
            Change::Rotate { bits, now } => self.rotate(manifest, *bits, *now),
            Change::Retire(kid) => self.retire(manifest, kid),
            Change::Revoke { kid, bits } => self.revoke(manifest, kid, *bits),
        }
    }

    fn rotate(&self, manifest: &mut Manifest, bits: usize, at_once: bool) -> Result<Changed, Refused> {
        let at_once = at_once.then(|| self.next_moment(manifest));
        if let Some(pending) = self.newest_pending(manifest) {
            let Some(from) = at_once else {
                return Err(Refused::Pending { kid: pending.kid.clone(), from: pending.signs_from });
            };
            pending.signs_from = from;
            return Ok(Changed::Signs { kid: pending.kid.clone(), from });
        }
        // Rounded up, so that the key is never published for less time.
        let planned = || self.now.truncate_to_second() + Duration::SECOND + self.store.published_ahead();
        self.add_key(manifest, bits, at_once.unwrap_or_else(planned))
    }

    fn retire(&self, manifest: &mut Manifest, kid: &str) -> Result<Changed, Refused> {
        let state = self.state(manifest, kid);
        let key = find(manifest, kid)?;
        match state {
            Some(KeyState::Pending) => {
                key.retired_at = Some(self.now.truncate_to_second());
                Ok(Changed::GivenUp)
            }
            Some(KeyState::Active) => Err(Refused::Active(kid.to_owned())),
            Some(KeyState::Retired) | None => Err(Refused::Over(kid.to_owned())),
        }
    }

    /// Revokes a key. If it is the active one, the replacement inherits its start time. So an instance whose clock is
    /// behind also signs with the replacement, and not with an older key.
    fn revoke(&self, manifest: &mut Manifest, kid: &str, bits: usize) -> Result<Changed, Refused> {
        let was_active = self.state(manifest, kid) == Some(KeyState::Active);
        let key = revocable(manifest, kid)?;
        key.revoked_at = Some(self.now.truncate_to_second());
        let from = key.signs_from;
        if !was_active {
            return Ok(Changed::Revoked);
        }
        match self.newest_pending(manifest) {
            Some(pending) => {
                pending.signs_from = from;
                Ok(Changed::Signs { kid: pending.kid.clone(), from: self.now.truncate_to_second() })
            }
            None => match self.add_key(manifest, bits, from)? {
                Changed::Signs { kid, .. } => Ok(Changed::Signs { kid, from: self.now.truncate_to_second() }),
                other => Ok(other),
            },
        }
    }

    /// The start time of a key that signs immediately: now, or the next second if a key has started in this one. With
    /// equal start times, either key could be the active one.
    fn next_moment(&self, manifest: &Manifest) -> OffsetDateTime {
        let begun = manifest.keys.iter().filter(|key| key.is_usable()).map(|key| key.signs_from);
        let last = begun.filter(|from| *from <= self.now).max();
        let now = self.now.truncate_to_second();
        last.map_or(now, |last| now.max(last + Duration::SECOND))
    }

    fn state(&self, manifest: &Manifest, kid: &str) -> Option<KeyState> {
        let ring = manifest.ring(self.store.token_lifetime)?;
        ring.published(self.now).find(|(key, _)| key.id == kid).map(|(_, state)| state)
    }

    fn newest_pending<'m>(&self, manifest: &'m mut Manifest) -> Option<&'m mut ManifestKey> {
        let usable = manifest.keys.iter_mut().filter(|key| key.is_usable());
        usable.filter(|key| key.signs_from > self.now).max_by_key(|key| (key.created_at, key.signs_from))
    }

    /// Creates a key and writes its file, before a manifest names it.
    fn add_key(
        &self,
        manifest: &mut Manifest,
        bits: usize,
        signs_from: OffsetDateTime,
    ) -> Result<Changed, Refused> {
        let paths = &self.store.paths;
        let unusable = |error| KeyFileError::Key { variable: PRIVATE, path: paths.private.clone(), error };
        let pair = KeyPair::generate(bits).map_err(unusable)?;
        let kid = pair.public().id().to_owned();
        let file = format!("key-{kid}.pem");
        write_private(&paths.private.with_file_name(&file), paths.passphrase(), &pair)?;
        manifest.keys.push(ManifestKey {
            kid: kid.clone(),
            file,
            created_at: self.now.truncate_to_second(),
            signs_from,
            retired_at: None,
            revoked_at: None,
        });
        Ok(Changed::Signs { kid, from: signs_from })
    }
}

/// Formats a time for messages.
pub fn text(time: OffsetDateTime) -> String {
    time.truncate_to_second().format(&Rfc3339).unwrap_or_default()
}

fn find<'m>(manifest: &'m mut Manifest, kid: &str) -> Result<&'m mut ManifestKey, Refused> {
    manifest.keys.iter_mut().find(|key| key.kid == kid).ok_or_else(|| Refused::Unknown(kid.to_owned()))
}

fn revocable<'m>(manifest: &'m mut Manifest, kid: &str) -> Result<&'m mut ManifestKey, Refused> {
    let key = find(manifest, kid)?;
    if key.revoked_at.is_some() { Err(Refused::Over(kid.to_owned())) } else { Ok(key) }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;
    use std::os::unix::fs::PermissionsExt as _;
    use std::path::PathBuf;

    use super::*;
    use crate::config::Config;
    use crate::keys::generate;

    /// A folder with one key pair. It is deleted on drop.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str, settings: &[(&'static str, &str)]) -> (Self, KeyStore) {
            let folder = std::env::temp_dir().join(format!("inwren-keys-{name}-{}", std::process::id()));
            let _ = fs::remove_dir_all(&folder);
            let path = |file: &str| folder.join(file).display().to_string();
            let mut flags: HashMap<&'static str, String> = HashMap::from([
                ("PRIVATE_KEY_PATH", path("private_key.pem")),
                ("PUBLIC_KEY_PATH", path("public_key.pem")),
                ("ENVIRONMENT", "production".to_owned()),
            ]);
            flags.extend(settings.iter().map(|(name, value)| (*name, (*value).to_owned())));
            let config = Config::read(&flags, |_| None, None, OffsetDateTime::UNIX_EPOCH).unwrap();
            generate(&config.keys, 2048).unwrap();
            (Self(folder), crate::wiring::key_store(&config))
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    fn at(seconds: i64) -> OffsetDateTime {
        OffsetDateTime::UNIX_EPOCH + Duration::days(20_000) + Duration::seconds(seconds)
    }

    fn rotate(store: &KeyStore, seconds: i64) -> (String, OffsetDateTime) {
        match change(store, &Change::Rotate { bits: 2048, now: false }, at(seconds)).unwrap() {
            Changed::Signs { kid, from } => (kid, from),
            other => panic!("{other:?}"),
        }
    }

    /// The keys that a service would load, ordered by the time at which they start to sign.
    fn in_use(store: &KeyStore, now: OffsetDateTime) -> Vec<String> {
        let mut keys = store.open(now).unwrap().keys.keys;
        keys.sort_by_key(|key| key.signs_from);
        keys.iter().map(|key| key.pair.public().id().to_owned()).collect()
    }

    #[test]
    fn a_rotation_takes_the_old_key_over_and_publishes_the_next() {
        let (folder, store) = Folder::new("rotate", &[]);
        let first = in_use(&store, at(0)).remove(0);
        let (second, from) = rotate(&store, 0);
        let ahead = Duration::seconds(2 * 300 + 30);
        assert!(from >= at(0) + ahead && from <= at(2) + ahead);
        assert_eq!(in_use(&store, at(0)), [first.clone(), second.clone()]);
        let mode = fs::metadata(folder.0.join(format!("key-{second}.pem"))).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);

        let again = change(&store, &Change::Rotate { bits: 2048, now: false }, at(1));
        assert!(matches!(again, Err(Refused::Pending { kid, .. }) if kid == second));

        let (third, _) = rotate(&store, 700);
        assert_eq!(in_use(&store, at(700)), [first, second.clone(), third.clone()]);
        let expired = at(700) + store.token_lifetime;
        assert_eq!(in_use(&store, expired), [second, third]);
    }

    #[test]
    fn first_key_has_the_time_of_its_file() {
        let (_folder, store) = Folder::new("file-time", &[]);
        let made = at(-1_000);
        let file = fs::File::options().write(true).open(&store.paths.private).unwrap();
        file.set_modified(made.into()).unwrap();
        assert_eq!(current(&store, at(0)).unwrap().keys[0].created_at, made);
        rotate(&store, 0);
        let first = Manifest::read(&store.paths.manifest()).unwrap().unwrap().keys.remove(0);
        assert_eq!((first.created_at, first.signs_from), (made, made));
        assert_eq!(check_revocable(&store, &first.kid, at(0)).ok(), Some(()));
        assert!(matches!(check_revocable(&store, "x", at(0)), Err(Refused::Unknown(_))));
    }

    #[test]
    fn changes_without_keys_create_no_file() {
        let (folder, store) = Folder::new("none", &[]);
        fs::remove_file(&store.paths.private).unwrap();
        let refused = change(&store, &Change::Rotate { bits: 2048, now: false }, at(0));
        assert!(matches!(refused, Err(Refused::Files(KeyFileError::Missing { .. }))));
        assert!(!folder.0.join("keys.lock").exists());
    }

    #[test]
    fn a_key_is_published_for_twice_as_long_as_others_may_keep_it() {
        for (max_age, ahead) in [("1", 7), ("60", 126), ("3600", 7_560)] {
            let (_folder, store) =
                Folder::new(&format!("ahead-{max_age}"), &[("JWKS_MAX_AGE_SECONDS", max_age)]);
            let (_, from) = rotate(&store, 0);
            let ahead = Duration::seconds(ahead);
            assert!(from >= at(0) + ahead && from <= at(2) + ahead, "{max_age}: {from}");
        }
    }

    #[test]
    fn a_pending_key_can_be_hurried_or_given_up() {
        let (_folder, store) = Folder::new("pending", &[]);
        let first = in_use(&store, at(0)).remove(0);
        let (second, _) = rotate(&store, 0);
        let active = change(&store, &Change::Retire(first.clone()), at(1));
        assert!(matches!(active, Err(Refused::Active(_))));
        assert_eq!(change(&store, &Change::Retire(second.clone()), at(1)).unwrap(), Changed::GivenUp);
        assert_eq!(in_use(&store, at(9_999)), [first.as_str()]);
        assert!(matches!(change(&store, &Change::Retire(second), at(1)), Err(Refused::Over(_))));
        assert!(matches!(change(&store, &Change::Retire("x".to_owned()), at(1)), Err(Refused::Unknown(_))));

        let (third, _) = rotate(&store, 10);
        let hurried = change(&store, &Change::Rotate { bits: 2048, now: true }, at(20)).unwrap();
        assert_eq!(hurried, Changed::Signs { kid: third.clone(), from: at(20) });
        assert!(matches!(change(&store, &Change::Retire(first), at(21)), Err(Refused::Over(_))));
    }

    #[test]
    fn a_key_that_signs_at_once_signs_after_the_one_before() {
        let (_folder, store) = Folder::new("at-once", &[]);
        // The first change takes over the existing key, which starts in that second. Each later key starts in a second
        // of its own.
        for second in 0..4 {
            let rotated = change(&store, &Change::Rotate { bits: 2048, now: true }, at(second)).unwrap();
            let Changed::Signs { kid, from } = rotated else { panic!("{rotated:?}") };
            assert_eq!(from, at(second + 1));
            assert_eq!(in_use(&store, from).last(), Some(&kid));
        }
    }

    #[test]
    fn a_revoked_key_is_gone_at_once_and_another_signs() {
        let (folder, store) = Folder::new("revoke", &[]);
        let first = in_use(&store, at(0)).remove(0);
        let revoke = |kid: &str, seconds| {
            change(&store, &Change::Revoke { kid: kid.to_owned(), bits: 2048 }, at(seconds))
        };
        let Ok(Changed::Signs { kid: second, .. }) = revoke(&first, 100) else { panic!("no new key") };
        assert_eq!(in_use(&store, at(100)), [second.as_str()]);
        assert!(matches!(revoke(&first, 101), Err(Refused::Over(_))));

        let (third, from) = rotate(&store, 200);
        let taken = revoke(&second, 300).unwrap();
        assert_eq!(taken, Changed::Signs { kid: third.clone(), from: at(300) });
        assert!(from > at(300));
        assert_eq!(in_use(&store, at(300)), [third.as_str()]);

        // A revocation also succeeds when another key is broken.
        let (fourth, _) = rotate(&store, 400);
        fs::remove_file(folder.0.join(format!("key-{third}.pem"))).unwrap();
        assert!(change(&store, &Change::Retire(fourth.clone()), at(401)).is_err());
        let taken = revoke(&third, 401).unwrap();
        assert_eq!(taken, Changed::Signs { kid: fourth.clone(), from: at(401) });
        assert_eq!(in_use(&store, at(401)), [fourth]);
    }

    #[test]
    fn with_a_passphrase_no_key_lies_open() {
        let (folder, store) = Folder::new("secret", &[("PRIVATE_KEY_PASSPHRASE", "correct horse")]);
        let (second, _) = rotate(&store, 0);
        for file in ["private_key.pem".to_owned(), format!("key-{second}.pem")] {
            let pem = fs::read_to_string(folder.0.join(file)).unwrap();
            assert!(pem.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));
        }
        assert_eq!(in_use(&store, at(0)).len(), 2);
    }

    #[test]
    fn a_broken_key_is_named_and_not_passed_over() {
        let (folder, store) = Folder::new("broken", &[]);
        let (second, _) = rotate(&store, 0);
        let path = folder.0.join(format!("key-{second}.pem"));
        let refused = |store: &KeyStore| match store.open(at(1)) {
            Err(error) => error.to_string(),
            Ok(_) => panic!("a broken key was taken"),
        };
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(refused(&store).contains(&path.display().to_string()), "{}", refused(&store));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        fs::copy(folder.0.join("private_key.pem"), &path).unwrap();
        assert!(refused(&store).contains("is another one"), "{}", refused(&store));
        fs::write(&path, "no key").unwrap();
        assert!(refused(&store).contains("is not an RSA private key"), "{}", refused(&store));
        fs::write(folder.0.join("keys.json"), "{}").unwrap();
        assert!(refused(&store).contains("keys.json is no manifest"), "{}", refused(&store));
    }

    #[test]
    fn of_two_changes_at_once_none_is_lost() {
        let (_folder, store) = Folder::new("race", &[]);
        let made: Vec<bool> = std::thread::scope(|scope| {
            let rotate = || change(&store, &Change::Rotate { bits: 2048, now: false }, at(0)).is_ok();
            let threads = [scope.spawn(rotate), scope.spawn(rotate)];
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert_eq!(made.iter().filter(|made| **made).count(), 1);
        assert_eq!(in_use(&store, at(0)).len(), 2);
    }
}
