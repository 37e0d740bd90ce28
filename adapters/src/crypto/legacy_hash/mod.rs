//! Legacy hashes: password hashes that other services made with functions other than Argon2. The service checks them
//! and never makes them. A login with the right password replaces such a hash by an Argon2id hash.

mod bcrypt;
mod equal;
mod pbkdf2;

use inwren_domain::credential::HasherError;

use bcrypt::Bcrypt;
use pbkdf2::Pbkdf2;

/// A stored legacy hash that was read and is within the bounds.
#[derive(Debug)]
pub(super) struct LegacyHash(Function);

#[derive(Debug)]
enum Function {
    Bcrypt(Bcrypt),
    Pbkdf2(Pbkdf2),
}

/// The work of checking a password, in the unit of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LegacyWork {
    /// Rounds of bcrypt's key schedule: two to the power of the cost.
    Bcrypt(u64),
    /// Rounds of PBKDF2.
    Pbkdf2(u64),
}

impl LegacyHash {
    /// Returns a cheap hash of each function, to measure how long a round takes.
    pub(super) fn probes() -> [Self; 2] {
        [Function::Bcrypt(Bcrypt::probe()), Function::Pbkdf2(Pbkdf2::probe())].map(Self)
    }

    /// Reads a hash. Returns `None` if none of these functions made it.
    pub(super) fn read(text: &str) -> Option<Result<Self, HasherError>> {
        let function = if let Some(rest) = bcrypt::without_ident(text) {
            Bcrypt::read(rest).map(Function::Bcrypt)
        } else if let Some(rest) = text.strip_prefix("$pbkdf2-sha256$") {
            Pbkdf2::read_passlib(rest).map(Function::Pbkdf2)
        } else if let Some(rest) = text.strip_prefix("pbkdf2_sha256$") {
            Pbkdf2::read_django(rest).map(Function::Pbkdf2)
        } else {
            return None;
        };
        Some(function.map(Self).map_err(HasherError::Unusable))
    }

    /// Returns whether the hash was made from this password. The cost is the same for both results.
    pub(super) fn matches(&self, password: &[u8]) -> bool {
        match &self.0 {
            Function::Bcrypt(hash) => hash.matches(password),
            Function::Pbkdf2(hash) => hash.matches(password),
        }
    }

    /// Returns the work of checking a password.
    pub(super) fn work(&self) -> LegacyWork {
        match &self.0 {
            Function::Bcrypt(hash) => LegacyWork::Bcrypt(hash.rounds()),
            Function::Pbkdf2(hash) => LegacyWork::Pbkdf2(hash.rounds()),
        }
    }

    /// Returns whether the function distinguishes this password from all others that a user could type.
    pub(super) fn takes_in_all_of(&self, password: &[u8]) -> bool {
        match &self.0 {
            Function::Bcrypt(_) => Bcrypt::takes_in_all_of(password),
            Function::Pbkdf2(_) => Pbkdf2::takes_in_all_of(password),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> bool {
        matches!(LegacyHash::read(text), Some(Err(HasherError::Unusable(_))))
    }

    fn read(text: &str) -> LegacyHash {
        LegacyHash::read(text).expect("a hash of these functions").expect("one within the bounds")
    }

    #[test]
    fn the_published_vectors_of_bcrypt_are_matched() {
        // From the author of the function: the empty password, a short one and the alphabet.
        for (hash, password) in [
            ("$2a$06$DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.", ""),
            ("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe", "a"),
            ("$2a$08$aTsUwsyowQuzRrDqFflhgekJ8d9/7Z3GV3UcgvzQW3J5zMyrTvlz.", "abcdefghijklmnopqrstuvwxyz"),
        ] {
            assert!(read(hash).matches(password.as_bytes()), "{hash}");
            assert!(read(&hash.replace("$2a$", "$2b$")).matches(password.as_bytes()), "{hash}");
            assert!(read(&hash.replace("$2a$", "$2y$")).matches(password.as_bytes()), "{hash}");
            assert!(!read(hash).matches(b"another"), "{hash}");
        }
    }

    #[test]
    fn what_bcrypt_never_saw_does_not_count_and_nothing_ends_a_password_early() {
        let hash = read("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe");
        assert!(hash.matches(b"a"));
        // bcrypt repeats its key, including the terminating NUL, so these two are equal to it.
        assert!(!hash.matches(b"a\0a"));
        assert!(!hash.matches(b"a\0"));
    }

    #[test]
    fn the_end_of_a_password_counts_only_where_the_function_sees_it() {
        let bcrypt = read("$2a$06$m0CrhHm10qJ3lXRY.5zDGO3rS2KdeeWLuGmsfGlMfOxih58VYVfxe");
        // With 72 bytes bcrypt does not see whether more follow.
        let counts = [0, 1, 71, 72, 73, 128].map(|length| bcrypt.takes_in_all_of(&vec![b'x'; length]));
        assert_eq!(counts, [true, true, true, false, false, false]);

        let hash = format!("$pbkdf2-sha256$1$${}", "A".repeat(43));
        let pbkdf2 = read(&hash);
        assert!(pbkdf2.takes_in_all_of(&[b'x'; 128]) && pbkdf2.takes_in_all_of(b"a\0b"));
        // HMAC pads a key with NULs to 64 bytes (RFC 2104).
        assert!(!pbkdf2.takes_in_all_of(b"a\0") && !pbkdf2.takes_in_all_of(&[0; 64]));
        let mut sums = [[0; 32]; 2];
        for (sum, password) in sums.iter_mut().zip([&b"a"[..], b"a\0"]) {
            ::pbkdf2::pbkdf2_hmac::<sha2::Sha256>(password, b"salt", 1, sum);
        }
        assert_eq!(sums[0], sums[1]);
    }

    #[test]
    fn a_probe_is_a_hash_of_its_function() {
        let [bcrypt, pbkdf2] = LegacyHash::probes().map(|probe| probe.work());
        assert_eq!((bcrypt, pbkdf2), (LegacyWork::Bcrypt(64), LegacyWork::Pbkdf2(5_000)));
    }

    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        let bcrypt = "DCq7YPn5Rq63x1Lad4cll.TV4S6ytwfsfvkgY8jIucDrjc8deX1s.";
        assert!(!refused(&format!("$2b$16${bcrypt}")));
        for text in [
            format!("$2b$17${bcrypt}"),
            format!("$2b$31${bcrypt}"),
            format!("$2b$03${bcrypt}"),
            format!("$2b$6${bcrypt}"),
            format!("$2b$+6${bcrypt}"),
            format!("$2b$006${bcrypt}"),
            format!("$2b$06${bcrypt}x"),
            format!("$2b$06${}", &bcrypt[1..]),
            format!("$2b$06${}=", &bcrypt[1..]),
            format!("$2b$06$é{}", &bcrypt[2..]),
            "$2b$".to_owned(),
            "$2b$12$".to_owned(),
        ] {
            assert!(refused(&text), "{text}");
        }
        let (salt, sum) = ("N2YMIWQsBWBMae09x1jrPQ", "1t8iyB2A.WF/Z5JZv.lfCIhXXN33N23OSgQYThBYRfk");
        assert!(!refused(&format!("$pbkdf2-sha256$5000000${salt}${sum}")));
        for text in [
            format!("$pbkdf2-sha256$5000001${salt}${sum}"),
            format!("$pbkdf2-sha256$4294967296${salt}${sum}"),
            format!("$pbkdf2-sha256$0${salt}${sum}"),
            format!("$pbkdf2-sha256$029000${salt}${sum}"),
            format!("$pbkdf2-sha256$+29000${salt}${sum}"),
            format!("$pbkdf2-sha256$29000${salt}${}", &sum[1..]),
            format!("$pbkdf2-sha256$29000${salt}${sum}$"),
            format!("$pbkdf2-sha256$29000${}${sum}", "A".repeat(1_400)),
            format!("$pbkdf2-sha256$29000${salt}"),
            format!("pbkdf2_sha256$29000$salt${sum}"),
            "pbkdf2_sha256$".to_owned(),
            "$pbkdf2-sha256$".to_owned(),
        ] {
            assert!(refused(&text), "{text}");
        }
        for text in ["", "!", "$2x$06$x", "$2$06$x", "$argon2id$x", "$pbkdf2$29000$x$x", "$5$x$x"] {
            assert!(LegacyHash::read(text).is_none(), "{text}");
        }
    }
}
