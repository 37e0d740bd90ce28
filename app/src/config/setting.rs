use std::sync::LazyLock;

use super::rate_limits;

/// One setting. A flag takes precedence over an environment variable, which takes precedence over a line in `.env`.
#[derive(Clone, Copy, Debug)]
pub struct Setting {
    /// The environment variable. The flag is the same in kebab case: `DATABASE_URL` is `--database-url`.
    pub name: &'static str,
    /// The default value.
    pub default: Option<&'static str>,
    /// The valid values, as an error message describes them.
    pub takes: &'static str,
    /// The purpose.
    pub about: &'static str,
    /// Whether the value is a secret, which must never be shown.
    pub secret: bool,
}

impl Setting {
    /// The flag, without the leading dashes. A secret that is not a URL has none: see [`has_flag`](Self::has_flag).
    pub fn flag(&self) -> String {
        self.name.to_ascii_lowercase().replace('_', "-")
    }

    /// Whether a flag can set it. Other users of the machine can read command lines, so a secret comes from a variable
    /// or a file. A URL is a secret only if it contains a password.
    pub fn has_flag(&self) -> bool {
        !self.secret || self.is_address()
    }

    /// Whether it is the URL of a server, which may contain a password.
    pub fn is_address(&self) -> bool {
        ["DATABASE_URL", "REDIS_URL", "SMTP_URL"].contains(&self.name)
    }

    /// Whether its value is the path of a file or a folder.
    pub fn names_a_file(&self) -> bool {
        ["_PATH", "_FILE", "_DIR"].iter().any(|ending| self.name.ends_with(ending))
    }
}

const fn setting(
    name: &'static str,
    default: Option<&'static str>,
    takes: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, default, takes, about, secret: false }
}

const fn secret(
    name: &'static str,
    default: Option<&'static str>,
    takes: &'static str,
    about: &'static str,
) -> Setting {
    Setting { name, default, takes, about, secret: true }
}

const QUOTA: &str = "calls per time, such as 5/minute (second, minute, hour or day)";
const BOOLEAN: &str = "true or false";

/// All settings. Flags, messages and the reference in the documentation are generated from these tables.
pub static SETTINGS: LazyLock<Vec<Setting>> = LazyLock::new(|| {
    let quotas =
        rate_limits::SETTINGS.map(|(name, default, about)| setting(name, Some(default), QUOTA, about));
    [BEFORE_QUOTAS, &quotas, AFTER_QUOTAS].concat()
});

/// The settings before the quotas of the rate limits.
const BEFORE_QUOTAS: &[Setting] = &[
    setting(
        "ENVIRONMENT",
        Some("development"),
        "development or production",
        "In production, a missing key, a memory store or a wildcard CORS origin stops the start",
    ),
    setting("HOST", Some("127.0.0.1"), "an IP address", "Address to listen on"),
    setting("PORT", Some("8000"), "a port number, 0 for any free one", "Port to listen on"),
    setting(
        "TLS_CERT_PATH",
        None,
        "a path",
        "Certificate chain in PEM, the certificate of the service first; enables TLS instead of plain HTTP",
    ),
    setting("TLS_KEY_PATH", None, "a path", "Private key of the certificate in PEM (PKCS#8, PKCS#1 or SEC1)"),
    setting(
        "PROXY_PROTOCOL",
        Some("false"),
        BOOLEAN,
        "Whether TRUSTED_PROXIES start each connection with a PROXY protocol header (version 1 or 2)",
    ),
    setting(
        "PROJECT_NAME",
        Some("Inwren Auth"),
        "1 to 100 characters",
        "Name of the service in its pages and documents",
    ),
    secret(
        "DATABASE_URL",
        Some("sqlite://data/inwren.db"),
        "sqlite://PATH, postgres://USER:PASSWORD@HOST/NAME or memory:",
        "Database of users and sessions",
    ),
    setting(
        "DATABASE_MAX_CONNECTIONS",
        Some("10"),
        "a number from 1 to 1000",
        "Maximum number of database connections",
    ),
    setting(
        "DATABASE_CONNECT_TIMEOUT",
        Some("30"),
        "seconds, from 0 to 3600",
        "How long startup waits for a database that does not respond",
    ),
    setting(
        "AUTO_MIGRATE",
        None,
        BOOLEAN,
        "Whether startup applies pending migrations [default: true in development, false in production]",
    ),
    setting("ALGORITHM", Some("RS256"), "RS256", "Signature algorithm of tokens"),
    setting(
        "PRIVATE_KEY_PATH",
        Some("certs/private.pem"),
        "a path",
        "Private key in PEM (PKCS#8 or PKCS#1), also in one line with `\\n` for its line ends",
    ),
    setting(
        "PUBLIC_KEY_PATH",
        Some("certs/public.pem"),
        "a path",
        "Public key in PEM, also in one line; must belong to the private key. The file is optional",
    ),
    secret(
        "PRIVATE_KEY_PASSPHRASE",
        None,
        "a passphrase",
        "Passphrase of encrypted private keys (PKCS#8); also encrypts new keys",
    ),
    setting(
        "PRIVATE_KEY_PASSPHRASE_FILE",
        None,
        "a path",
        "File with the passphrase of private keys, instead of the variable",
    ),
    setting(
        "SECRET_KEY_PATH",
        Some("certs/secret.keys"),
        "a path",
        "Secret keys for links and codes in letters and for the secrets of authenticator apps, by `inwren secrets generate`; in production required for mail and SECOND_FACTOR_REQUIRED_FOR",
    ),
    setting(
        "PUBLIC_URL",
        None,
        "an http:// or https:// URL of at most 200 characters, without user, query or fragment",
        "URL at which clients reach the service: the beginning of all absolute links [default: TOKEN_ISSUER if that is a URL, else http://localhost:PORT]",
    ),
    setting(
        "TOKEN_ISSUER",
        None,
        "1 to 200 characters without white space",
        "The `iss` of tokens; the same on all instances. In production this or PUBLIC_URL must be set [default: PUBLIC_URL]",
    ),
    setting(
        "TOKEN_AUDIENCE",
        Some("inwren"),
        "1 to 200 characters without white space",
        "The `aud` of tokens",
    ),
    setting(
        "LEGACY_TOKENS_UNTIL",
        None,
        "a time such as 2027-01-31T12:00:00Z (RFC 3339), at most 90 days ahead",
        "Until when the service accepts access tokens that the legacy service signed with the same key; unset accepts none",
    ),
    setting(
        "JWKS_MAX_AGE_SECONDS",
        Some("300"),
        "seconds, from 1 to 86400",
        "How long verifiers may cache the public keys; a new key is published for twice as long before it signs",
    ),
    setting(
        "ACCESS_TOKEN_EXPIRE_MINUTES",
        Some("30"),
        "minutes, from 1 to 1440",
        "Lifetime of access tokens",
    ),
    setting(
        "REFRESH_TOKEN_EXPIRE_DAYS",
        Some("7"),
        "days, from 1 to 365",
        "Lifetime of an unused refresh token",
    ),
    setting(
        "SESSION_MAX_DAYS",
        Some("90"),
        "days, from 1 to 3650",
        "Maximum lifetime of a session, however often it is refreshed",
    ),
    setting(
        "SESSIONS_PER_USER",
        Some("100"),
        "a number from 1 to 10000",
        "Maximum number of sessions per account; another login ends the least recently used one",
    ),
    setting(
        "REFRESH_REUSE_GRACE_SECONDS",
        Some("30"),
        "seconds, from 0 to 300",
        "How long the previous refresh token still returns its successor; 0 turns this off",
    ),
    setting(
        "REAUTHENTICATION_MAX_AGE_MINUTES",
        Some("15"),
        "minutes, from 0 to 1440",
        "Maximum age of a login for sensitive changes; 0 turns the check off",
    ),
    setting(
        "REGISTRATION",
        Some("open"),
        "open, invited or closed",
        "Who may register: all clients; only users whom a superuser invites; no client",
    ),
    setting(
        "EMAIL_VERIFICATION",
        Some("off"),
        "off, optional or required",
        "Whether addresses are verified: not; by users who wish to; before the user exists. `required` needs mail",
    ),
    setting(
        "TIERS",
        Some("free,premium,enterprise"),
        "names of a-z, 0-9, - and _, separated by commas",
        "All tiers",
    ),
    setting(
        "SELF_SERVICE_TIERS",
        Some("free"),
        "one or more of TIERS, separated by commas",
        "Tiers that users may choose; new users get the first",
    ),
    setting(
        "TEMPLATES_DIR",
        None,
        "a path of a folder",
        "Folder with letter.html, letter.txt, account.html and LANGUAGE.json files that replace the templates and texts of letters and account pages",
    ),
    setting(
        "PASSWORD_CONTEXT_WORDS",
        Some("inwren"),
        "words, separated by commas or blanks",
        "Words that a password must not consist of, besides those of PROJECT_NAME",
    ),
    setting("ARGON2_MEMORY_KIB", Some("19456"), "KiB, from 8 to 4194304", "Memory per password hash"),
    setting(
        "ARGON2_ITERATIONS",
        Some("2"),
        "a number from 1 to 64",
        "Passes of a password hash over its memory",
    ),
    setting("ARGON2_PARALLELISM", Some("1"), "a number from 1 to 16", "Lanes of a password hash"),
    setting(
        "HASH_THREADS",
        None,
        "a number from 1 to 256",
        "Threads that hash passwords [default: one per core]",
    ),
    setting(
        "SECOND_FACTOR_REQUIRED_FOR",
        Some("none"),
        "none, superusers or all",
        "Accounts that must have a second factor: until they enrol one, their sessions can do nothing else",
    ),
    setting(
        "TOTP_SKEW_STEPS",
        Some("1"),
        "a number from 0 to 2",
        "How many steps of 30 seconds a code of an authenticator app may be early or late",
    ),
    setting(
        "TRUSTED_DEVICE_DAYS",
        Some("0"),
        "days, from 0 to 365",
        "How long a device that a user trusts may leave out the second factor; 0 turns this off",
    ),
    setting(
        "RESET_REQUIRES_FACTOR",
        Some("true"),
        BOOLEAN,
        "Whether a password reset also needs the second factor of the account",
    ),
    setting(
        "LOST_FACTOR_DELAY_HOURS",
        Some("0"),
        "hours, from 0 to 720",
        "Hours from the request to remove lost factors to the removal, announced by mail; 0 disables such requests",
    ),
    setting(
        "WEBAUTHN_RP_ID",
        None,
        "a domain: the host of PUBLIC_URL or a parent of it",
        "Domain of passkeys (the relying party). If it changes, existing passkeys stop working [default: the host of PUBLIC_URL, unless that is an IP address]",
    ),
    setting(
        "WEBAUTHN_ORIGINS",
        None,
        "origins such as https://app.example.org, or http://localhost:3000, separated by commas",
        "Origins whose web pages may use passkeys [default: the origin of PUBLIC_URL]",
    ),
    setting(
        "CORS_ALLOWED_ORIGINS",
        Some("http://localhost:3000,http://localhost:5173,http://localhost:8000"),
        "origins such as https://app.example.org, separated by commas; none to allow none; * in development only",
        "Origins whose web pages may call the service",
    ),
    setting(
        "TRUSTED_PROXIES",
        Some("none"),
        "addresses or CIDRs, separated by commas, IPv4-mapped ones from /96 on; none",
        "Proxies whose Forwarded and X-Forwarded-For headers the service trusts",
    ),
    setting(
        "TRUSTED_PROXY_HEADER",
        Some("either"),
        "x-forwarded-for, forwarded or either",
        "The header that the proxies write; with either, a request with contradicting headers counts as the proxy's own",
    ),
    secret(
        "REDIS_URL",
        None,
        "redis://USER:PASSWORD@HOST:PORT/NUMBER, or rediss:// for TLS",
        "Redis in which instances share their rate limits [default: each instance has its own]",
    ),
    setting(
        "REDIS_CA_PATH",
        None,
        "a path of PEM certificates, for a rediss:// URL",
        "Certificate authorities for Redis, instead of the public ones",
    ),
    setting(
        "REDIS_KEY_PREFIX",
        Some("inwren:"),
        "1 to 200 characters without white space",
        "Prefix of all keys in Redis, the same on all instances",
    ),
    setting("RATE_LIMIT_ENABLED", Some("true"), BOOLEAN, "Whether rate limits apply"),
    setting(
        "RATE_LIMIT_EXEMPT",
        Some("none"),
        "addresses or CIDRs, separated by commas, IPv4-mapped ones from /96 on; none",
        "Client networks without rate limits, such as those of your own services; never for TRUSTED_PROXIES themselves",
    ),
];

/// The settings after the quotas of the rate limits.
const AFTER_QUOTAS: &[Setting] = &[
    secret(
        "SMTP_URL",
        None,
        "smtps://USER:PASSWORD@HOST, smtp+starttls://USER:PASSWORD@HOST, or smtp:// for localhost only",
        "Mail server that letters go to. User and password are percent-encoded",
    ),
    setting("SMTP_URL_FILE", None, "a path", "File with the URL of the mail server, instead of the variable"),
    setting(
        "MAIL_FROM",
        None,
        "an e-mail address, or a name and an address such as Example <noreply@example.org>",
        "Sender of letters; must be set for mail in production and with SMTP_URL [default: PROJECT_NAME <noreply@localhost>]",
    ),
    setting(
        "MAIL_DIR",
        None,
        "a path, without SMTP_URL",
        "Folder that letters go to as .eml files, instead of a mail server; in development the log shows their links [default: data/mail in development, none in production]",
    ),
    setting(
        "OUTBOUND_ALLOW",
        Some("none"),
        "addresses or CIDRs, separated by commas, IPv4-mapped ones from /96 on; none",
        "Networks that requests to applications may reach although they are not public, also by http; the service refuses all other loopback, private and link-local addresses",
    ),
    setting(
        "FIRST_SUPERUSER_EMAIL",
        None,
        "an e-mail address",
        "Superuser that startup creates, unless a user has the address. In production, startup fails if that user is not a superuser and no other superuser exists",
    ),
    secret(
        "FIRST_SUPERUSER_PASSWORD",
        None,
        "a password of 8 to 128 characters",
        "Password of the first superuser",
    ),
    setting(
        "FIRST_SUPERUSER_PASSWORD_FILE",
        None,
        "a path",
        "File with the password of the first superuser, instead of the variable",
    ),
    setting(
        "MAX_CONNECTIONS",
        Some("4096"),
        "a number from 1 to 1000000",
        "Maximum number of client connections; above three quarters, new connections replace idle ones",
    ),
    setting(
        "SHUTDOWN_NOTICE_SECONDS",
        Some("1"),
        "seconds, from 0 to 3600",
        "How long a shutdown still accepts connections while /health reports it",
    ),
    setting(
        "SHUTDOWN_GRACE_SECONDS",
        Some("10"),
        "seconds, from 0 to 3600",
        "How long a shutdown waits for requests in flight",
    ),
    setting(
        "SESSION_RETENTION_DAYS",
        Some("30"),
        "days, from 1 to 3650",
        "How long an ended session is kept",
    ),
    setting(
        "AUDIT_RETENTION_DAYS",
        Some("365"),
        "days, from 1 to 36500; `forever`",
        "How long an audit event is kept",
    ),
    setting(
        "SWEEP_INTERVAL_SECONDS",
        Some("3600"),
        "seconds, from 1 to 86400",
        "Interval between deletions of expired data",
    ),
    setting(
        "METRICS_ADDR",
        None,
        "an IP address and a port such as 127.0.0.1:9464, not those of the service",
        "Address of a separate listener for GET /metrics (Prometheus); off unless set",
    ),
    setting(
        "HEALTH_ADDR",
        None,
        "an IP address and a port such as 127.0.0.1:9465, not those of the service or of METRICS_ADDR",
        "Address of a separate listener for GET /health and /health/live; off unless set",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        None,
        "an http:// address such as http://127.0.0.1:4318",
        "Collector of traces (OTLP over HTTP, at the path /v1/traces below it); off unless set",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
        None,
        "an http:// address with its path",
        "Full URL for traces; overrides OTEL_EXPORTER_OTLP_ENDPOINT",
    ),
    secret(
        "OTEL_EXPORTER_OTLP_HEADERS",
        None,
        "NAME=VALUE pairs, separated by commas",
        "Headers for the collector",
    ),
    setting(
        "OTEL_EXPORTER_OTLP_PROTOCOL",
        Some("http/protobuf"),
        "http/protobuf",
        "Protocol of the trace export",
    ),
    setting("OTEL_SERVICE_NAME", Some("inwren"), "1 to 100 characters", "Name of the service in its traces"),
    setting(
        "OTEL_TRACES_SAMPLER",
        Some("parentbased_always_on"),
        "always_on, always_off or traceidratio, with or without parentbased_ before it",
        "Selects the traced requests",
    ),
    setting(
        "OTEL_TRACES_SAMPLER_ARG",
        None,
        "a number from 0 to 1",
        "Share of traces that traceidratio keeps [default: 1]",
    ),
    setting(
        "LOG_FORMAT",
        None,
        "pretty or json",
        "Format of the log: short lines or JSON [default: pretty in development, json in production]",
    ),
    setting(
        "RUST_LOG",
        Some("info,sea_orm_migration=warn,sqlx=warn"),
        "a tracing filter such as info or inwren=debug",
        "Filter of the log",
    ),
];

/// The groups of the settings, each with its first setting in the order of [`SETTINGS`].
const GROUPS: &[(&str, &str)] = &[
    ("Service", "ENVIRONMENT"),
    ("Database", "DATABASE_URL"),
    ("Keys and tokens", "ALGORITHM"),
    ("Sessions", "ACCESS_TOKEN_EXPIRE_MINUTES"),
    ("Accounts and passwords", "REGISTRATION"),
    ("Second factors", "SECOND_FACTOR_REQUIRED_FOR"),
    ("Browsers and proxies", "CORS_ALLOWED_ORIGINS"),
    ("Rate limits", "REDIS_URL"),
    ("Mail", "SMTP_URL"),
    ("Outbound requests", "OUTBOUND_ALLOW"),
    ("First superuser", "FIRST_SUPERUSER_EMAIL"),
    ("Connections and shutdown", "MAX_CONNECTIONS"),
    ("Retention", "SESSION_RETENTION_DAYS"),
    ("Monitoring", "METRICS_ADDR"),
];

/// The group of a setting, as the help and the reference show it.
pub fn group_of(setting: &Setting) -> &'static str {
    let place = |name: &str| SETTINGS.iter().position(|known| known.name == name);
    let mut begun = GROUPS.iter().filter(|(_, first)| place(first) <= place(setting.name));
    begun.next_back().map_or("", |(group, _)| group)
}

/// Finds a setting by its name.
pub(super) fn find(name: &str) -> Option<&'static Setting> {
    SETTINGS.iter().find(|setting| setting.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_that_takes_a_path_says_so_in_its_name() {
        for setting in SETTINGS.iter() {
            assert_eq!(setting.names_a_file(), setting.takes.starts_with("a path"), "{}", setting.name);
        }
    }

    #[test]
    fn groups_follow_the_order_of_the_settings() {
        let mut groups: Vec<&str> = SETTINGS.iter().map(group_of).collect();
        groups.dedup();
        assert_eq!(groups, GROUPS.iter().map(|(group, _)| *group).collect::<Vec<_>>());
    }

    #[test]
    fn a_secret_has_no_flag() {
        for setting in SETTINGS.iter().filter(|setting| setting.secret && setting.has_flag()) {
            assert!(setting.is_address(), "{}", setting.name);
        }
        for name in ["PRIVATE_KEY_PASSPHRASE", "FIRST_SUPERUSER_PASSWORD", "OTEL_EXPORTER_OTLP_HEADERS"] {
            assert_eq!(find(name).map(Setting::has_flag), Some(false), "{name}");
        }
    }
}
