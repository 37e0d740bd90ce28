use std::collections::HashMap;

use time::OffsetDateTime;

use super::{Config, ConfigError, Invalid};

/// Settings that an ephemeral service fixes. It ignores their environment variables, because the tests of another
/// service may set variables of the same name for that service. It rejects their flags, because a flag can only be
/// meant for this service.
const FIXED: [&str; 13] = [
    "DATABASE_URL",
    "PRIVATE_KEY_PATH",
    "PUBLIC_KEY_PATH",
    "PRIVATE_KEY_PASSPHRASE",
    "PRIVATE_KEY_PASSPHRASE_FILE",
    "SECRET_KEY_PATH",
    "FIRST_SUPERUSER_EMAIL",
    "FIRST_SUPERUSER_PASSWORD",
    "FIRST_SUPERUSER_PASSWORD_FILE",
    "SMTP_URL",
    "SMTP_URL_FILE",
    "MAIL_FROM",
    "MAIL_DIR",
];

/// Defaults that differ from those of a normal service, so that tests neither wait nor hit rate limits.
const DEFAULTS: [(&str, &str); 6] = [
    // The applications under test run on this machine, and get logout tokens there.
    ("OUTBOUND_ALLOW", "127.0.0.0/8,::1"),
    ("RATE_LIMIT_ENABLED", "false"),
    ("ARGON2_MEMORY_KIB", "64"),
    ("ARGON2_ITERATIONS", "1"),
    ("SHUTDOWN_NOTICE_SECONDS", "0"),
    ("SHUTDOWN_GRACE_SECONDS", "2"),
];

impl Config {
    /// The configuration of an ephemeral service. It reads flags and the environment, but no `.env`: a `.env` in the
    /// folder of a test suite configures another service. `expose` allows an address that other machines can reach.
    pub fn ephemeral(
        flags: &HashMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        expose: bool,
        now: OffsetDateTime,
    ) -> Result<Self, ConfigError> {
        let refused: Vec<Invalid> = FIXED
            .iter()
            .filter(|name| flags.contains_key(*name))
            .map(|name| invalid(name, "cannot be set here: a service in memory uses its own value"))
            .collect();
        if !refused.is_empty() {
            return Err(ConfigError { invalid: refused });
        }
        let given = |name: &str| {
            let value = flags.get(name).cloned().or_else(|| environment(name));
            value.filter(|value| !value.trim().is_empty())
        };
        if given("ENVIRONMENT").is_some_and(|value| value == "production") {
            let problem = "an ephemeral service is for tests only: its key and its users are public";
            return Err(ConfigError { invalid: vec![invalid("ENVIRONMENT", problem)] });
        }
        let layered = |name: &str| {
            if name == "DATABASE_URL" {
                return Some("memory:".to_owned());
            }
            // Ignore ENVIRONMENT and PUBLIC_URL, because they may be meant for the service under test. `production` has
            // been rejected above.
            if FIXED.contains(&name) || ["ENVIRONMENT", "PUBLIC_URL"].contains(&name) {
                return None;
            }
            let default = DEFAULTS.iter().find(|(known, _)| *known == name);
            given(name).or_else(|| default.map(|(_, value)| (*value).to_owned()))
        };
        let config = Self { mail: None, ..Self::read(flags, layered, None, now)? };
        if !config.listen.ip().is_loopback() && !expose {
            let problem = "other machines can reach this address, and the key and the users of an ephemeral service \
                           are public: add --expose to allow that, or use --host 127.0.0.1";
            let got = Some(config.listen.ip().to_string());
            return Err(ConfigError { invalid: vec![Invalid { got, ..invalid("HOST", problem) }] });
        }
        Ok(config)
    }
}

fn invalid(variable: &str, problem: &str) -> Invalid {
    Invalid { variable: variable.to_owned(), got: None, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::database::DatabaseTarget;

    fn with(flags: &[(&'static str, &str)], variables: &[(&str, &str)]) -> Result<Config, String> {
        let flags = flags.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::ephemeral(&flags, variable, false, OffsetDateTime::UNIX_EPOCH)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn the_database_and_the_keys_of_others_are_left_alone() {
        let theirs = [
            ("DATABASE_URL", "postgres://db/theirs"),
            ("PRIVATE_KEY_PATH", "/nowhere"),
            ("ENVIRONMENT", "test"),
            ("PUBLIC_URL", "/app"),
        ];
        let config = with(&[], &theirs).unwrap();
        assert!(matches!(config.database.target, DatabaseTarget::Memory));
        assert!(config.default_urls.public_url && config.default_urls.token_issuer);
        assert!(!config.limits.enabled);
        assert_eq!(config.outbound_allow.len(), 2);
        let refused = with(&[("DATABASE_URL", "sqlite://x.db")], &[]).unwrap_err();
        assert!(refused.contains("DATABASE_URL") && refused.contains("service in memory"), "{refused}");
    }

    #[test]
    fn what_is_set_holds() {
        let set = [("RATE_LIMIT_ENABLED", "true"), ("TOKEN_ISSUER", "https://auth.example.org")];
        let config = with(&[("ARGON2_MEMORY_KIB", "128")], &set).unwrap();
        assert!(config.limits.enabled && !config.default_urls.token_issuer);
        assert_eq!((config.argon2.memory_kib, config.argon2.iterations), (128, 1));
    }

    #[test]
    fn it_is_kept_away_from_where_it_could_be_believed() {
        for refused in [
            with(&[], &[("ENVIRONMENT", "production")]),
            with(&[("ENVIRONMENT", "production")], &[]),
            with(&[], &[("HOST", "0.0.0.0")]),
        ] {
            assert!(refused.is_err());
        }
        let exposed = Config::ephemeral(
            &HashMap::from([("HOST", "0.0.0.0".to_owned())]),
            |_| None,
            true,
            OffsetDateTime::UNIX_EPOCH,
        );
        assert!(exposed.is_ok());
    }
}
