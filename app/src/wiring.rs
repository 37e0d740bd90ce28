//! The composition root: the only module that knows all adapters. It builds a [`Core`] from a [`Config`].

mod maintenance;
pub mod sqlite_file;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use inwren_adapters::clock::SystemClock;
use inwren_adapters::crypto::argon2::{AffordableHashes, Argon2Hasher, HasherLimits};
use inwren_adapters::crypto::client_assertions::ClientAssertionVerifier;
use inwren_adapters::crypto::jwt::{LegacyTokens, SigningKeys, TokenFormat};
use inwren_adapters::crypto::keys::{KeyError, PublicKey};
use inwren_adapters::crypto::passkey::WebAuthn;
use inwren_adapters::crypto::totp::HmacTotpCodes;
use inwren_adapters::entropy::SystemEntropy;
use inwren_adapters::limiter::{MemoryRateLimiter, RedisOptions, RedisRateLimiter};
use inwren_adapters::mail::{FolderMailer, SmtpMailer, SmtpTargetError};
use inwren_adapters::outbound::HttpOutbound;
use inwren_adapters::store::memory::MemoryStore;
use inwren_adapters::store::sql::{ConnectError, SqlOptions, SqlStore, SqlTarget};
use inwren_adapters::traced;
use inwren_domain::account::import::Destination;
use inwren_domain::credential::PasswordHasher;
use inwren_domain::kernel::{Clock, Entropy, StoreError};
use inwren_domain::limiter::RateLimiter;
use inwren_domain::outbox::{Mail, Mailer};
use inwren_domain::store::{Maintenance, Store};
use inwren_domain::token::LegacyTokenVerifier;
use inwren_domain::{Core, Settings};

use crate::config::{Config, DatabaseTarget, MailTarget};
use crate::http::shared::limits::Limits;
use crate::http::{AppState, ClientOrigins, Issuer, PendingBodies, TrustedProxies};
use crate::keys::KeyStore;
use crate::letters::{self, PageTexts, TemplateError};
use crate::observability::metrics::{Metrics, Probes};
use crate::observability::traces::Traces;
use crate::runtime::outbox::Wake;
pub use maintenance::maintenance;

/// The database of another service, for the command that imports its users.
pub use inwren_adapters::store::sql::{SourceDatabase, SourceError};

/// The maximum difference between the clocks of two instances.
const LEEWAY: time::Duration = time::Duration::seconds(10);

/// A store, with the maintenance that only a database has.
#[derive(Clone)]
pub struct OpenedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The maintenance of the database behind it; `None` for a store in memory.
    pub maintenance: Option<Arc<dyn Maintenance>>,
}

/// Opens the configured store. It waits for a database that does not answer yet.
pub async fn open_store(config: &Config) -> Result<OpenedStore, OpenError> {
    match &config.database.target {
        DatabaseTarget::Memory => Ok(OpenedStore { store: Arc::new(MemoryStore::new()), maintenance: None }),
        DatabaseTarget::Sql(target) => {
            let options =
                SqlOptions { max_connections: config.database.max_connections, ..SqlOptions::default() };
            let database = connect(target, &options, config.database.connect_timeout).await?;
            Ok(OpenedStore { store: Arc::new(database.clone()), maintenance: Some(maintenance(database)) })
        }
    }
}

/// An empty store for dry runs.
pub fn empty_store() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Why the store could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Retrying does not help.
    #[error("DATABASE_URL: {0}")]
    Final(ConnectError),
    /// All retries within the configured time failed.
    #[error("DATABASE_URL: no database within DATABASE_CONNECT_TIMEOUT={}: {last}", .patience.as_secs())]
    OutOfPatience {
        /// The configured time.
        patience: Duration,
        /// The last error.
        last: StoreError,
    },
}

async fn connect(
    target: &SqlTarget,
    options: &SqlOptions,
    patience: Duration,
) -> Result<SqlStore, OpenError> {
    // A server may be starting up, and another process may soon unlock a file. But a missing file stays missing.
    let may_pass = |error: &StoreError| match target {
        SqlTarget::Postgres(_) => true,
        SqlTarget::Sqlite(_) => matches!(error, StoreError::Busy(_)),
    };
    let begun = Instant::now();
    let mut pause = Duration::from_millis(100);
    loop {
        let last = match SqlStore::connect(target, options).await {
            Ok(store) => return Ok(store),
            Err(ConnectError::Store(error)) if may_pass(&error) => error,
            Err(error) => return Err(OpenError::Final(error)),
        };
        if begun.elapsed() + pause >= patience {
            return Err(OpenError::OutOfPatience { patience, last });
        }
        tracing::warn!(error = %last, "the database does not answer yet");
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(1));
    }
}

/// Number of threads that hash passwords.
pub fn hash_threads(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    config.hash_threads.unwrap_or_else(cores)
}

/// Builds the core around a store.
pub fn core(config: &Config, store: Arc<dyn Store>, tokens: Arc<Tokens>) -> Result<Core, WiringError> {
    Ok(core_with(config, store, hasher(config)?, tokens, mail(config)?))
}

/// Starts the password hasher and its threads.
pub fn hasher(config: &Config) -> Result<Arc<Argon2Hasher>, WiringError> {
    let hasher = Argon2Hasher::start(config.argon2, hasher_limits(config), entropy())
        .map_err(|error| WiringError::Hasher(error.to_string()))?;
    Ok(Arc::new(hasher))
}

fn hasher_limits(config: &Config) -> HasherLimits {
    HasherLimits::for_machine(hash_threads(config), config.argon2)
}

/// The destination of an import: a store, without keys and without hashing threads.
pub fn destination(config: &Config, store: Arc<dyn Store>) -> Result<Destination, WiringError> {
    let hashes = AffordableHashes::new(config.argon2, hasher_limits(config))
        .map_err(|error| WiringError::Hasher(error.to_string()))?;
    let tiers = config.rules.tiers.clone();
    let hashes = Arc::new(hashes);
    Ok(Destination { store, hashes, keyring: None, tiers, clock: clock(), entropy: entropy() })
}

/// Builds the core around a store and a hasher. Its signal wakes no worker: a caller that runs one replaces the signal.
pub fn core_with(
    config: &Config,
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: Arc<Tokens>,
    mail: Option<Mail>,
) -> Core {
    Core {
        store,
        hasher,
        issuer: Arc::clone(&tokens) as _,
        verifier: Arc::clone(&tokens) as _,
        legacy_tokens: legacy_tokens(config, &tokens),
        keys: tokens,
        keyring: None,
        totp: Arc::new(HmacTotpCodes),
        passkeys: Arc::new(WebAuthn),
        assertions: Arc::new(client_assertions(config)),
        mail,
        outbound: Arc::new(HttpOutbound::new(config.outbound_allow.clone())),
        outbox_signal: Arc::new(Wake::default()),
        clock: clock(),
        entropy: entropy(),
        undelivered: Arc::default(),
        settings: config.rules.clone(),
    }
}

/// The verifier of the tokens by which clients authenticate. Their audience is the issuer or the token endpoint.
fn client_assertions(config: &Config) -> ClientAssertionVerifier {
    let endpoint = format!("{}/oauth/token", config.public_url);
    ClientAssertionVerifier::new(vec![config.token_issuer.clone(), endpoint])
}

/// What sends letters, if mail is configured.
pub fn mail(config: &Config) -> Result<Option<Mail>, WiringError> {
    let Some(settings) = &config.mail else { return Ok(None) };
    let sender = settings.sender.clone();
    let mailer: Arc<dyn Mailer> = match &settings.target {
        MailTarget::Smtp(target) => Arc::new(SmtpMailer::new(target.clone(), sender)?),
        MailTarget::Folder { folder, logs_links } => {
            Arc::new(FolderMailer { folder: folder.clone(), sender, logs_links: *logs_links })
        }
    };
    let writer = letters::writer(&config.public_url, &config.project_name, config.templates_dir.as_deref())?;
    Ok(Some(Mail { mailer, writer: Arc::new(writer) }))
}

/// The system clock. The process has a single one, because it remembers the times that it has returned.
pub fn clock() -> Arc<dyn Clock> {
    static CLOCK: OnceLock<Arc<SystemClock>> = OnceLock::new();
    CLOCK.get_or_init(|| Arc::new(SystemClock::start())).clone()
}

/// The randomness of the operating system.
pub fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// The signing keys of this configuration.
pub fn key_store(config: &Config) -> KeyStore {
    let Settings { access_token_lifetime, refresh_token_lifetime, session_max_lifetime, .. } = config.rules;
    // The refresh token of an application may live as long as its session.
    let token_lifetime = access_token_lifetime.max(refresh_token_lifetime).max(session_max_lifetime);
    KeyStore {
        paths: config.keys.clone(),
        environment: config.environment,
        token_lifetime: token_lifetime + LEEWAY,
        max_age: config.jwks_max_age,
    }
}

/// The token adapter of this build.
#[cfg(feature = "aws-lc")]
pub type Tokens = inwren_adapters::crypto::jwt::AwsLcTokens;
/// The token adapter of this build.
#[cfg(not(feature = "aws-lc"))]
pub type Tokens = inwren_adapters::crypto::jwt::PortableTokens;

/// The offline verifier of this build.
#[cfg(feature = "aws-lc")]
pub type OfflineVerifier = inwren_adapters::crypto::jwt::AwsLcVerifier;
/// The offline verifier of this build.
#[cfg(not(feature = "aws-lc"))]
pub type OfflineVerifier = inwren_adapters::crypto::jwt::PortableVerifier;

/// The name of the token adapter of this build.
pub const TOKENS: &str = if cfg!(feature = "aws-lc") { "aws-lc" } else { "portable" };

/// The token issuer and verifier with these keys.
pub fn tokens(config: &Config, keys: &SigningKeys) -> Result<Arc<Tokens>, KeyError> {
    Ok(Arc::new(Tokens::with_keys(token_format(config), keys)?))
}

/// The verifier of another service, which has only the public keys.
pub fn offline_verifier(config: &Config, keys: &[PublicKey]) -> Result<OfflineVerifier, KeyError> {
    OfflineVerifier::new(token_format(config), keys)
}

fn token_format(config: &Config) -> TokenFormat {
    TokenFormat {
        issuer: config.token_issuer.clone(),
        audience: config.token_audience.clone(),
        leeway: LEEWAY,
    }
}

/// The verifier for access tokens of the legacy service, if the configuration accepts them.
pub fn legacy_tokens(config: &Config, tokens: &Arc<Tokens>) -> Option<Arc<dyn LegacyTokenVerifier>> {
    let until = config.legacy_tokens_until?;
    Some(Arc::new(LegacyTokens::new(Arc::clone(tokens), until)))
}

/// The rate limiter: Redis, which may be unavailable at startup, or the memory of this process.
fn rate_limiter(config: &Config) -> Arc<dyn RateLimiter> {
    match &config.redis {
        Some(redis) if config.limits.enabled => {
            let options = RedisOptions { key_prefix: redis.key_prefix.clone(), ..RedisOptions::default() };
            Arc::new(RedisRateLimiter::start(redis.target.clone(), options))
        }
        _ => Arc::new(MemoryRateLimiter::default()),
    }
}

/// The probes for the load of the hasher and the database.
pub fn probes(hasher: Arc<Argon2Hasher>, maintenance: Option<Arc<dyn Maintenance>>) -> Probes {
    let pools = |maintenance: Arc<dyn Maintenance>| Box::new(move || maintenance.pools()) as _;
    Probes {
        hasher: Some(Box::new(move || hasher.metrics())),
        database: maintenance.map(pools),
        ..Probes::default()
    }
}

/// Creates a span per request, and per call of a port.
pub fn trace(state: &mut AppState, traces: &Traces) {
    let tracer = traces.tracer();
    state.core = traced::ports(state.core.clone(), tracer);
    state.limits.wrap(|limiter| traced::limiter(limiter, tracer));
    state.tracer = Some(Arc::clone(tracer));
    let counts = Arc::clone(traces.counts());
    state.metrics.probes.traces = Some(Box::new(move || counts.get()));
}

/// The state of the HTTP interface. Must be called within a runtime.
pub fn app_state(config: &Config, core: Core) -> Result<AppState, WiringError> {
    let metrics = Metrics::new(core.clock.now());
    let limits = Limits::new(
        rate_limiter(config),
        Arc::clone(&core.clock),
        Arc::clone(&core.keys),
        config.limits.clone(),
    );
    Ok(AppState {
        core,
        limits,
        bodies: PendingBodies::new(config.max_connections),
        client_origins: ClientOrigins::default(),
        trusted_proxies: TrustedProxies {
            networks: config.trusted_proxies.clone(),
            header: config.proxy_header,
        },
        metrics,
        tracer: None,
        environment: config.environment,
        project_name: config.project_name.clone(),
        page_texts: PageTexts::read(config.templates_dir.as_deref())?,
        recent_letters: None,
        is_ephemeral: false,
        issuer: Issuer::new(&config.token_issuer, &config.token_audience, &config.public_url),
        jwks_max_age: config.jwks_max_age,
        logs_paths: config.logs_paths(),
        draining: AtomicBool::new(false),
    })
}

/// Why the core could not be built.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The key cannot sign.
    #[error("PRIVATE_KEY_PATH: the key {0}")]
    Key(#[from] KeyError),
    /// The mail server cannot be used.
    #[error("SMTP_URL: {0}")]
    Smtp(#[from] SmtpTargetError),
    /// A template or a text cannot be used.
    #[error("TEMPLATES_DIR: {0}")]
    Templates(#[from] TemplateError),
    /// The password hasher could not be started.
    #[error("the password hasher could not be started: {0}")]
    Hasher(String),
}

#[cfg(not(any(feature = "aws-lc", feature = "portable")))]
compile_error!("choose a token adapter: the feature `aws-lc` or `portable`");
