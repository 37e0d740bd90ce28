use std::fmt;

use super::PasswordHash;

/// The function that created a stored hash, as far as the prefix of the hash shows. It is for reports: the
/// [hasher](super::AcceptedHashes::can_verify) decides whether a password can be verified against a hash.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct HashScheme(&'static str);

/// The prefix of a hash, and the name of its function.
const BEGINNINGS: [(&str, &str); 18] = [
    ("$argon2id$", "argon2id"),
    ("$argon2i$", "argon2i"),
    ("$argon2d$", "argon2d"),
    ("$2a$", "bcrypt"),
    ("$2b$", "bcrypt"),
    ("$2y$", "bcrypt"),
    ("$bcrypt-sha256$", "bcrypt_sha256"),
    ("$pbkdf2-sha256$", "pbkdf2_sha256"),
    ("pbkdf2_sha256$", "pbkdf2_sha256"),
    ("$pbkdf2-sha512$", "pbkdf2_sha512"),
    ("$pbkdf2$", "pbkdf2_sha1"),
    ("$scrypt$", "scrypt"),
    ("scrypt:", "scrypt"),
    ("$1$", "md5_crypt"),
    ("$5$", "sha256_crypt"),
    ("$6$", "sha512_crypt"),
    ("$y$", "yescrypt"),
    ("sha1$", "sha1"),
];

impl HashScheme {
    /// Returns the function that a hash names. The result contains nothing of the hash itself.
    pub fn of(hash: &PasswordHash) -> Self {
        let text = hash.expose();
        let found = BEGINNINGS.iter().find(|(beginning, _)| text.starts_with(beginning));
        Self(found.map_or("unknown", |(_, name)| name))
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        self.0
    }
}

impl fmt::Display for HashScheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_is_known_by_its_beginning() {
        for (hash, scheme) in [
            ("$argon2id$v=19$m=65536,t=3,p=4$c2FsdA$aGFzaA", "argon2id"),
            ("$argon2i$v=19$m=512,t=2,p=2$c2FsdA$aGFzaA", "argon2i"),
            ("$2b$12$abc", "bcrypt"),
            ("$pbkdf2-sha256$29000$a$b", "pbkdf2_sha256"),
            ("$pbkdf2$29000$a$b", "pbkdf2_sha1"),
            ("5f4dcc3b5aa765d61d8327deb882cf99", "unknown"),
            ("", "unknown"),
        ] {
            assert_eq!(HashScheme::of(&PasswordHash::from_phc(hash.to_owned())).as_str(), scheme);
        }
    }
}
