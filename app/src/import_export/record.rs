use inwren_domain::account::import::{Incoming, IncomingPassword, Problem};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{Email, UserId};
use serde::{Deserialize, Deserializer, Serialize};
use time::{OffsetDateTime, UtcOffset};
use uuid::Uuid;

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
        }
    }

    /// Parses a line. The error does not repeat the content, because any field may contain a hash by mistake.
    pub fn read(line: &[u8]) -> Result<Self, Problem> {
        serde_json::from_slice(line).map_err(|error| Problem::Unreadable(what_is_wrong(&error)))
    }

    /// The line, without its line break.
    pub fn line(&self) -> Result<Vec<u8>, serde_json::Error> {
        serde_json::to_vec(self)
    }

    /// The line for comparison. It omits the number of password changes, which each store counts by itself.
    pub fn compared(&self) -> Result<Vec<u8>, serde_json::Error> {
        Self {
            credential_version: None,
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
        Ok(Incoming {
            place,
            id: Uuid::parse_str(&self.id).map(UserId::from_uuid).map_err(|_| Problem::Id)?,
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
