//! The configuration. It is read from flags, the environment and a `.env` file, and validated as a whole.

mod database;
mod default_urls;
pub mod dotenv;
mod environment;
mod ephemeral;
mod error;
mod factors;
mod first_superuser;
mod hashing;
mod keys;
mod legacy;
mod mail;
mod misspelt;
mod monitoring;
mod outbound;
mod public_url;
mod rate_limits;
mod redis;
mod registration;
mod rules;
mod secret;
mod secret_keys;
mod sensitive;
mod setting;
mod source;
mod tls;
mod value;

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use inwren_adapters::crypto::argon2::Argon2Parameters;
use inwren_domain::Settings;
use inwren_domain::limiter::Quota;
use ipnet::IpNet;
use time::{Duration, OffsetDateTime};

use crate::http::ProxyHeader;
use crate::observability::traces::TraceSettings;
use database::database;
pub use database::{Database, DatabaseTarget};
pub use default_urls::DefaultUrls;
pub use dotenv::read;
pub use environment::Environment;
pub use error::{ConfigError, Invalid};
pub use first_superuser::FirstSuperuser;
use hashing::argon2;
pub use inwren_adapters::store::sql::SqlTarget;
pub use keys::KeyPaths;
pub use mail::{MailSettings, MailTarget};
pub use misspelt::{Misspelt, misspelt};
pub use monitoring::LogFormat;
pub use rate_limits::{LimitSettings, LimitedOperation, Operation, by_client, by_user};
pub use redis::Redis;
use rules::rules;
pub use secret::bare;
use secret::secret_or_file;
pub use secret_keys::SecretKeyFile;
pub use sensitive::{has_password, shown_argument};
pub use setting::{SETTINGS, Setting, group_of};
pub use source::Origin;
use source::Source;
pub use tls::TlsPaths;
use tls::tls;
pub use value::AllowedOrigins;
use value::seconds;

/// The validated configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Development or production. Only development generates what is missing.
    pub environment: Environment,
    /// The address to listen on.
    pub listen: SocketAddr,
    /// The TLS certificate and key. `None` if the service speaks plain HTTP.
    pub tls: Option<TlsPaths>,
    /// Whether trusted proxies start each connection with a PROXY protocol header, which names the client.
    pub proxy_protocol: bool,
    /// The name shown in the documents.
    pub project_name: String,
    /// The folder with templates and texts that replace those of the program.
    pub templates_dir: Option<PathBuf>,
    /// The database.
    pub database: Database,
    /// Whether to migrate the schema at startup.
    pub auto_migrate: bool,
    /// The key files.
    pub keys: KeyPaths,
    /// The secret keys, from which links and codes in letters are derived.
    pub secret_keys: SecretKeyFile,
    /// The URL at which clients reach the service, without a slash at the end: the beginning of all absolute links.
    pub public_url: String,
    /// `iss` of tokens.
    pub token_issuer: String,
    /// Which of these two are defaults.
    pub default_urls: DefaultUrls,
    /// `aud` of tokens.
    pub token_audience: String,
    /// Until when access tokens of the legacy service are accepted; `None` accepts none.
    pub legacy_tokens_until: Option<OffsetDateTime>,
    /// How long verifiers may cache the public keys.
    pub jwks_max_age: Duration,
    /// The rules of the domain.
    pub rules: Settings,
    /// The cost of password hashes.
    pub argon2: Argon2Parameters,
    /// Number of hashing threads; `None` means one per core.
    pub hash_threads: Option<usize>,
    /// The origins that may call from a browser.
    pub cors: AllowedOrigins,
    /// The proxies whose forwarding headers the service trusts.
    pub trusted_proxies: Vec<IpNet>,
    /// The header that proxies use.
    pub proxy_header: ProxyHeader,
    /// Rate limits per operation.
    pub limits: LimitSettings,
    /// The Redis in which instances share their limits. `None` if each instance limits by itself.
    pub redis: Option<Redis>,
    /// Where letters go. `None` if no mail is configured.
    pub mail: Option<MailSettings>,
    /// The networks that outbound requests may reach although they are not public, also by `http`.
    pub outbound_allow: Vec<IpNet>,
    /// The superuser to create at startup.
    pub first_superuser: Option<FirstSuperuser>,
    /// Maximum number of client connections.
    pub max_connections: usize,
    /// How long a shutdown only announces itself before it stops accepting connections.
    pub shutdown_notice: std::time::Duration,
    /// How long a shutdown takes at most.
    pub shutdown_grace: std::time::Duration,
    /// The interval between two sweeps of expired data.
    pub sweep_interval: std::time::Duration,
    /// The address to serve metrics on; `None` serves none.
    pub metrics_listen: Option<SocketAddr>,
    /// An additional address for health checks; `None` if there is none.
    pub health_listen: Option<SocketAddr>,
    /// The export of traces; `None` exports none.
    pub traces: Option<TraceSettings>,
    /// The format of the log.
    pub log_format: LogFormat,
    /// The log filter.
    pub log_filter: String,
}

impl Config {
    /// The scheme of the listener.
    pub fn scheme(&self) -> &'static str {
        if self.tls.is_some() { "https" } else { "http" }
    }

    /// Whether the log shows paths: only in development, and only in the format for people.
    pub fn logs_paths(&self) -> bool {
        self.environment == Environment::Development && self.log_format == LogFormat::Pretty
    }

    /// Returns this configuration for a service that listens on this port: with `PORT=0` the default URLs depend on it.
    pub(crate) fn listening_on(&self, port: u16) -> Self {
        let mut config = self.clone();
        config.reached_at(&default_urls::local(self.scheme(), &port.to_string()));
        config
    }

    /// Sets the public URL and the issuer to this URL, where they are defaults.
    pub(crate) fn reached_at(&mut self, url: &str) {
        if self.default_urls.public_url {
            factors::follow_port(&mut self.rules.factors, &self.public_url, url);
            url.clone_into(&mut self.public_url);
        }
        if self.default_urls.token_issuer {
            self.token_issuer.clone_from(&self.public_url);
        }
    }

    /// Reads the configuration of this process: the flags, its environment, and `.env` in the working folder.
    pub fn load(flags: &HashMap<&'static str, String>, now: OffsetDateTime) -> Result<Self, ConfigError> {
        Self::validated(Source::of_process(flags), now)
    }

    /// Reads the configuration of this process, which will serve clients. Some settings may be unset only for commands
    /// that serve none.
    pub fn load_to_serve(
        flags: &HashMap<&'static str, String>,
        now: OffsetDateTime,
    ) -> Result<Self, ConfigError> {
        let mut source = Source::of_process(flags);
        public_url::require(&mut source);
        Self::validated(source, now)
    }

    /// Reads a configuration from the given sources: for tests, and for processes that load them differently.
    pub fn read(
        flags: &HashMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        dotenv: Option<&Path>,
        now: OffsetDateTime,
    ) -> Result<Self, ConfigError> {
        Self::validated(Source::collect(flags, environment, dotenv), now)
    }

    fn validated(mut source: Source, now: OffsetDateTime) -> Result<Self, ConfigError> {
        let config = Self::from_source(&mut source, now);
        source.finish()?;
        config.ok_or(ConfigError { invalid: Vec::new() })
    }

    /// Parses every setting before it returns, so that all errors are found. Returns `None` only if it has recorded an
    /// error.
    fn from_source(source: &mut Source, now: OffsetDateTime) -> Option<Self> {
        let environment = source.parse("ENVIRONMENT", |text| match text {
            "development" => Some(Environment::Development),
            "production" => Some(Environment::Production),
            _ => None,
        });
        let production = environment == Some(Environment::Production);
        let host: Option<IpAddr> = source.parse("HOST", |text| match text {
            "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
            _ => value::address(text),
        });
        let port: Option<u16> = source.parse("PORT", |text| text.parse().ok());
        let tls = tls(source);
        let service = host.zip(port).map(SocketAddr::from);
        let metrics_listen = monitoring::listener(source, "METRICS_ADDR", &[("the service", service)]);
        let others = [("the service", service), ("METRICS_ADDR", metrics_listen)];
        let health_listen = monitoring::listener(source, "HEALTH_ADDR", &others);
        let traces = monitoring::traces(source);
        let project_name = source.parse("PROJECT_NAME", value::title);
        let templates_dir = source.parse("TEMPLATES_DIR", |text| Some(PathBuf::from(text)));
        let database = database(source, production);
        let auto_migrate = match source.text("AUTO_MIGRATE") {
            Some(_) => source.parse("AUTO_MIGRATE", value::boolean),
            None => Some(!production),
        };
        source.parse("ALGORITHM", |text| (text == "RS256").then_some(()));
        let private = source.parse("PRIVATE_KEY_PATH", |text| Some(PathBuf::from(text)));
        let public = source.parse("PUBLIC_KEY_PATH", |text| Some(PathBuf::from(text)));
        let undecided = private.as_deref().filter(|_| source.is_default("PRIVATE_KEY_PATH"));
        let rival = undecided.and_then(keys::rival);
        let passphrase = secret_or_file(source, "PRIVATE_KEY_PASSPHRASE", "PRIVATE_KEY_PASSPHRASE_FILE");
        let secret_keys = secret_keys::secret_keys(source, production);
        let urls = public_url::read(source);
        let token_audience = source.parse("TOKEN_AUDIENCE", value::word);
        let legacy_tokens_until = legacy::until(source, now);
        let jwks_max_age = source.parse("JWKS_MAX_AGE_SECONDS", value::number(1..=86_400_i64));
        let (public_url, issuer) =
            urls.as_ref().map(|(url, issuer, _)| (url.as_str(), issuer.as_str())).unzip();
        let factors = factors::read(source, project_name.as_deref(), public_url);
        factors::check_audience(source, issuer, token_audience.as_deref());
        let rules = rules(source, factors);
        if production {
            registration::require_mail(source);
        }
        let argon2 = argon2(source);
        let hash_threads = source.parse("HASH_THREADS", value::number(1..=256_usize));
        let cors = source.parse("CORS_ALLOWED_ORIGINS", value::origins);
        if production && cors == Some(AllowedOrigins::Any) {
            source.refuse("CORS_ALLOWED_ORIGINS", "must name the origins in production");
        }
        let trusted_proxies = source.parse("TRUSTED_PROXIES", value::networks);
        let proxy_header = source.parse("TRUSTED_PROXY_HEADER", |text| match text {
            "either" => Some(ProxyHeader::Either),
            "x-forwarded-for" => Some(ProxyHeader::XForwardedFor),
            "forwarded" => Some(ProxyHeader::Forwarded),
            _ => None,
        });
        let proxy_protocol = source.parse("PROXY_PROTOCOL", value::boolean);
        if proxy_protocol == Some(true) && trusted_proxies.as_ref().is_some_and(Vec::is_empty) {
            source.refuse("PROXY_PROTOCOL", "needs TRUSTED_PROXIES: headers of other peers are not trusted");
        }
        let limits = limits(source, environment == Some(Environment::Development));
        let redis = redis::read(source);
        let mail = mail::read(source, production, project_name.as_deref());
        let outbound_allow = outbound::allowed(source);
        let first_superuser = first_superuser::read(source);
        let max_connections = source.parse("MAX_CONNECTIONS", value::number(1..=1_000_000_usize));
        let shutdown_notice = source.parse("SHUTDOWN_NOTICE_SECONDS", seconds);
        let shutdown_grace = source.parse("SHUTDOWN_GRACE_SECONDS", seconds);
        let sweep_interval = source.parse("SWEEP_INTERVAL_SECONDS", value::number(1..=86_400_u64));
        let log_format = monitoring::log_format(source, production);
        let log_filter = source.parse("RUST_LOG", |text| {
            tracing_subscriber::EnvFilter::try_new(text).ok().map(|_| text.to_owned())
        });
        let (public_url, token_issuer, default_urls) = urls?;
        Some(Self {
            environment: environment?,
            listen: SocketAddr::new(host?, port?),
            tls: tls?,
            proxy_protocol: proxy_protocol?,
            project_name: project_name?,
            templates_dir,
            database: database?,
            auto_migrate: auto_migrate?,
            keys: KeyPaths { private: private?, public: public?, rival, passphrase: passphrase? },
            secret_keys: secret_keys?,
            public_url,
            token_issuer,
            default_urls,
            token_audience: token_audience?,
            legacy_tokens_until,
            jwks_max_age: Duration::seconds(jwks_max_age?),
            rules: rules?,
            argon2: argon2?,
            hash_threads,
            cors: cors?,
            trusted_proxies: trusted_proxies?,
            proxy_header: proxy_header?,
            limits: limits?,
            redis: redis?,
            mail: mail?,
            outbound_allow: outbound_allow?,
            first_superuser: first_superuser?,
            max_connections: max_connections?,
            shutdown_notice: shutdown_notice?,
            shutdown_grace: shutdown_grace?,
            sweep_interval: std::time::Duration::from_secs(sweep_interval?),
            metrics_listen,
            health_listen,
            traces: traces?,
            log_format: log_format?,
            log_filter: log_filter?,
        })
    }

    /// Every setting with the value in force, secrets masked, and where the value comes from.
    pub fn listing(flags: &HashMap<&'static str, String>) -> Vec<(&'static str, String, Origin)> {
        let source = Source::of_process(flags);
        let line = |setting: &Setting| {
            let value = source::shown(Some(setting), source.text(setting.name)?);
            Some((setting.name, value, source.origin(setting.name)))
        };
        SETTINGS.iter().filter_map(line).collect()
    }
}

fn limits(source: &mut Source, names_setting: bool) -> Option<LimitSettings> {
    let enabled = source.parse("RATE_LIMIT_ENABLED", value::boolean);
    let exempt = source.parse("RATE_LIMIT_EXEMPT", value::networks);
    let quotas = rate_limits::SETTINGS.map(|(name, ..)| source.parse(name, value::quota));
    let quotas: Option<Vec<Quota>> = quotas.into_iter().collect();
    let quotas = quotas?.try_into().ok()?;
    Some(LimitSettings { enabled: enabled?, exempt: exempt?, names_setting, quotas })
}
