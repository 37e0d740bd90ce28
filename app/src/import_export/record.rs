use inwren_domain::account::import::{Incoming, IncomingPassword, Problem, UserFactors};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{Email, UserId};
use inwren_domain::keyring::{Keyring, KeyringError};
use serde::{Deserialize, Deserializer, Serialize};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

use super::factor_record::{FactorRecord, digest_text, read_digest};

/// A user as one line of a file: a JSON object.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    id: String,
    email: String,
    /// Absent if the file does not contain it; `null` for a user without a password.
    #[serde(default, deserialize_with = "said", skip_serializing_if = "Option::is_none")]
    hashed_password: Option<Option<String>>,
    is_active: bool,
    is_superuser: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tier: Option<String>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    created_at: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    updated_at: Option<OffsetDateTime>,
    #[serde(default, with = "time::serde::rfc3339::option", skip_serializing_if = "Option::is_none")]
    email_verified_at: Option<OffsetDateTime>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    credential_version: Option<i64>,
    /// Absent for a user without second factors, and if the file does not contain them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    factors: Option<Vec<FactorRecord>>,
    /// The digests of the recovery codes, in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    recovery_codes: Option<Vec<String>>,
}

/// Distinguishes `null` from an absent field.
fn said<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Option<String>>, D::Error> {
    Option::deserialize(deserializer).map(Some)
}

impl Record {
    /// The record of a user.
    pub fn of(account: &Account, with_hash: bool) -> Self {
        let user = &account.user;
        let hash = || account.password.as_ref().map(|hash| hash.expose().to_owned());
        Self {
            id: user.id.to_string(),
            email: user.email.as_str().to_owned(),
            hashed_password: with_hash.then(hash),
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            tier: Some(user.tier.as_str().to_owned()),
            created_at: Some(user.created_at),
            updated_at: Some(user.updated_at),
            email_verified_at: user.email_verified_at,
            credential_version: Some(user.credential_version),
            factors: None,
            recovery_codes: None,
        }
    }

    /// Adds the user's factors and recovery codes. With a keyring, the secrets of authenticator apps are in plaintext.
    pub fn with_factors(self, of: &UserFactors, keyring: Option<&dyn Keyring>) -> Result<Self, KeyringError> {
        let factors = of.factors.iter().map(|factor| FactorRecord::of(factor, keyring));
        let recovery_codes = of.recovery_codes.iter().map(digest_text).collect();
        Ok(Self {
            factors: Some(factors.collect::<Result<_, _>>()?),
            recovery_codes: Some(recovery_codes),
            ..self
        })
    }

    /// Parses a line. The error does not repeat the content, because any field may contain a hash by mistake.
    pub fn read(line: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(line).map_err(|error| Problem::Unreadable(what_is_wrong(&error)))
    }

    /// The line, without its line break.
    pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The line for comparison. It omits what differs between stores that have the same users: the number of password
    /// changes, which each store counts by itself, and factors, which change at every login.
    pub fn compared(&self) -> Result<Vec<u8>, serde_json::Error> {
        Self {
            credential_version: None,
            factors: None,
            recovery_codes: None,
            id: Uuid::parse_str(&self.id).map_or_else(|_| self.id.clone(), |id| id.to_string()),
            created_at: self.created_at.map(as_kept),
            updated_at: self.updated_at.map(as_kept),
            email_verified_at: self.email_verified_at.map(as_kept),
            ..self.clone()
        }
        .line()
    }

    /// The address, unchecked.
    pub fn email(&self) -> &str {
        &self.email
    }

    /// Whether the record has the password field.
    pub fn has_hash(&self) -> bool {
        self.hashed_password.is_some()
    }

    /// Converts the record to a user to import.
    pub fn incoming(self, place: String) -> Result<Incoming, Problem> {
        let id = Uuid::parse_str(&self.id).map(UserId::from_uuid).map_err(|_| Problem::Id)?;
        let factors = self.factors.unwrap_or_default().into_iter().map(|factor| factor.incoming(id));
        let recovery_codes = self.recovery_codes.unwrap_or_default();
        Ok(Incoming {
            place,
            id,
            email: Email::parse(&self.email)?,
            password: match self.hashed_password {
                None => IncomingPassword::Unsaid,
                Some(None) => IncomingPassword::None,
                Some(Some(hash)) => IncomingPassword::Hash(PasswordHash::from_phc(hash)),
            },
            is_active: self.is_active,
            is_superuser: self.is_superuser,
            tier: self.tier,
            created_at: self.created_at,
            updated_at: self.updated_at,
            email_verified_at: self.email_verified_at,
            credential_version: self.credential_version,
            factors: factors.collect::<Result<_, _>>()?,
            recovery_codes: recovery_codes.iter().map(|code| read_digest(code)).collect::<Result<_, _>>()?,
        })
    }
}

/// A time with the precision of every store, in UTC.
fn as_kept(time: OffsetDateTime) -> OffsetDateTime {
    // A time at the very end of the last year may not exist in UTC.
    let time = time.checked_to_offset(UtcOffset::UTC).unwrap_or(time);
    time.replace_nanosecond(time.nanosecond() / 1_000 * 1_000).unwrap_or(time)
}

fn what_is_wrong(error: &serde_json::Error) -> String {
    let column = error.column();
    if !error.is_data() {
        return format!("no JSON object in one line (column {column})");
    }
    let message = error.to_string();
    for what in ["unknown field", "missing field", "duplicate field"] {
        let name = message.strip_prefix(what).and_then(|rest| rest.split('`').nth(1));
        if let Some(name) = name.filter(|name| is_name(name)) {
            return format!("{what} {name}");
        }
    }
    if message.starts_with("unknown field") {
        return "a field that is not known".to_owned();
    }
    format!("a field of the wrong type (column {column})")
}

/// Whether a message may repeat it: a short field name.
fn is_name(text: &str) -> bool {
    (1..=32).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    const WHOLE: &str = r#"{"id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1a","email":"Ann@example.org","hashed_password":"$argon2id$x","is_active":true,"is_superuser":false,"tier":"free","created_at":"2025-01-02T03:04:05.678901Z","updated_at":"2025-01-02T03:04:05Z","credential_version":3}"#;

    #[test]
    fn a_line_goes_there_and_back() {
        let record = Record::read(WHOLE.as_bytes()).unwrap();
        assert_eq!(record.line().unwrap(), WHOLE.as_bytes());
        let incoming = record.incoming("line 1".to_owned()).unwrap();
        assert_eq!(incoming.email.as_str(), "Ann@example.org");
        assert_eq!(incoming.credential_version, Some(3));
    }

    const FACTORS: &str = r#","factors":[{"method":"totp","id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1b","name":"My phone","created_at":"2025-01-02T03:04:05Z","last_used_at":"2025-01-02T03:04:05Z","key_id":7,"sealed_secret":"AAEC","last_step":58000000},{"method":"passkey","id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1c","created_at":"2025-01-02T03:04:05Z","credential_id":"AAEC","public_key":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","algorithm":-8,"sign_count":4294967295,"backup_eligible":true,"backed_up":false,"verifies_user":true,"user_handle":"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA","transports":["internal"]}],"recovery_codes":["00000000000000000000000000000000000000000000000000000000000000ff"]}"#;

    fn with_factors() -> String {
        format!("{}{FACTORS}", WHOLE.trim_end_matches('}'))
    }

    #[test]
    fn line_with_factors_round_trips() {
        let record = Record::read(with_factors().as_bytes()).unwrap();
        assert_eq!(record.line().unwrap(), with_factors().as_bytes());
        let compared = Record::read(WHOLE.as_bytes()).unwrap().compared();
        assert_eq!(record.compared().unwrap(), compared.unwrap());
        let incoming = record.incoming("line 1".to_owned()).unwrap();
        assert!(incoming.factors.iter().all(|one| one.factor.user_id == incoming.id && one.secret.is_none()));
        let of = UserFactors {
            user: incoming.id,
            factors: incoming.factors.into_iter().map(|one| one.factor).collect(),
            recovery_codes: incoming.recovery_codes,
        };
        let again = Record::read(WHOLE.as_bytes()).unwrap().with_factors(&of, None).unwrap();
        assert_eq!(again.line().unwrap(), with_factors().as_bytes());
    }

    #[test]
    fn invalid_factors_are_named_without_their_values() {
        let digest = format!("{}ff", "0".repeat(62));
        let sealed = r#""key_id":7,"sealed_secret":"AAEC""#;
        let clear = r#""secret":"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567""#;
        assert!(
            Record::read(with_factors().replace(sealed, clear).as_bytes())
                .unwrap()
                .incoming(String::new())
                .is_ok()
        );
        for (from, to, expected) in [
            (r#""method":"totp""#, r#""method":"$argon2id$x""#, "a field of the wrong type"),
            (r#""method":"totp","#, "", "missing field method"),
            (r#""last_step":58000000"#, r#""last_stage":1"#, "unknown field last_stage"),
            (r#","last_step":58000000"#, "", "missing field last_step"),
            (r#""key_id":7,"#, "", "has either key_id and sealed_secret, or secret"),
            (sealed, r#""sealed_secret":"AAEC","secret":"$argon2id$x""#, "has either key_id"),
            (sealed, r#""secret":"$argon2id$x""#, "the value of secret is not valid"),
            (r#""sealed_secret":"AAEC""#, r#""sealed_secret":"AAE+""#, "the value of sealed_secret is"),
            (r#""name":"My phone""#, r#""name":"a\nb""#, "the value of name is"),
            (r#""id":"0192f0c1-2b3c-7d4e-8f5a-6b7c8d9e0f1b""#, r#""id":"x""#, "the value of id is"),
            (r#""credential_id":"AAEC""#, r#""credential_id":"""#, "the value of credential_id is"),
            (r#""public_key":"A"#, r#""public_key":"AAAA"#, "the value of public_key is"),
            (r#""algorithm":-8"#, r#""algorithm":-9"#, "the value of algorithm is"),
            (r#""sign_count":4294967295"#, r#""sign_count":4294967296"#, "a field of the wrong type"),
            (r#""user_handle":"A"#, r#""user_handle":"AAAA"#, "the value of user_handle is"),
            (r#"["internal"]"#, r#"["In ternal"]"#, "the value of transports is"),
            (&digest, "ff", "the value of recovery_codes is"),
            (&digest, &digest.to_uppercase(), "the value of recovery_codes is"),
        ] {
            let line = with_factors().replacen(from, to, 1);
            assert_ne!(line, with_factors(), "{from}");
            let read = Record::read(line.as_bytes()).and_then(|record| record.incoming(String::new()));
            let told = read.unwrap_err().to_string();
            assert!(told.contains(expected) && !told.contains("argon2id"), "{to}: {told}");
        }
    }

    #[test]
    fn one_user_is_compared_as_one_line_however_it_is_written() {
        let other = WHOLE
            .replace("0192f0c1-2b3c", "0192F0C1-2B3C")
            .replace("03:04:05.678901Z", "04:04:05.678901999+01:00")
            .replace("\"credential_version\":3", "\"credential_version\":7");
        assert_ne!(other, WHOLE);
        let compared = |line: &str| Record::read(line.as_bytes()).unwrap().compared().unwrap();
        assert_eq!(compared(&other), compared(WHOLE));
    }

    #[test]
    fn null_is_not_nothing() {
        let with = |password: &str| {
            let line = WHOLE.replace(r#""hashed_password":"$argon2id$x","#, password);
            Record::read(line.as_bytes()).unwrap().incoming(String::new()).unwrap().password
        };
        assert_eq!(with(""), IncomingPassword::Unsaid);
        assert_eq!(with(r#""hashed_password":null,"#), IncomingPassword::None);
    }

    #[test]
    fn what_is_wrong_is_told_and_nothing_of_what_is_there() {
        let secret = "$argon2id$x";
        for (line, expected) in [
            (WHOLE.replace("\"tier\"", "\"level\""), "unknown field level"),
            (WHOLE.replace("\"tier\"", "\"$argon2id$x\""), "a field that is not known"),
            (WHOLE.replace("\"is_active\":true,", ""), "missing field is_active"),
            (WHOLE.replace("\"tier\"", "\"email\""), "duplicate field email"),
            (
                WHOLE.replace("\"is_active\":true", "\"is_active\":\"$argon2id$x\""),
                "a field of the wrong type",
            ),
            (WHOLE.replace("2025-01-02T03:04:05Z", "$argon2id$x"), "a field of the wrong type"),
            (
                WHOLE.replace("\"credential_version\":3", "\"credential_version\":1e99"),
                "a field of the wrong",
            ),
            (WHOLE.replace('}', ""), "no JSON object in one line"),
            (format!("{WHOLE}{WHOLE}"), "no JSON object in one line"),
            ("[]".to_owned(), ""),
            ("\"$argon2id$x\"".to_owned(), ""),
        ] {
            let Err(problem) = Record::read(line.as_bytes()) else { panic!("{line}") };
            let told = problem.to_string();
            assert!(told.contains(expected) && !told.contains(secret), "{line}: {told}");
        }
        let bad_id = WHOLE.replace("0192f0c1", "not-an-id");
        assert_eq!(
            Record::read(bad_id.as_bytes()).unwrap().incoming(String::new()).unwrap_err(),
            Problem::Id
        );
    }
}
