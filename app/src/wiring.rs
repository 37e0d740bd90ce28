//! The one place that knows all adapters: it makes a [`Core`] of a [`Config`].

mod maintenance;
pub mod sqlite_file;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use inwren_adapters::clock::SystemClock;
use inwren_adapters::crypto::argon2::{AffordableHashes, Argon2Hasher, HasherLimits};
use inwren_adapters::crypto::jwt::{LegacyTokens, SigningKeys, TokenFormat};
use inwren_adapters::crypto::keys::KeyError;
use inwren_adapters::entropy::SystemEntropy;
use inwren_adapters::limiter::{MemoryRateLimiter, RedisOptions, RedisRateLimiter};
use inwren_adapters::store::memory::MemoryStore;
use inwren_adapters::store::sql::{ConnectError, SqlOptions, SqlStore, SqlTarget};
use inwren_adapters::traced;
use inwren_domain::account::import::Destination;
use inwren_domain::credential::PasswordHasher;
use inwren_domain::kernel::{Clock, Entropy, StoreError};
use inwren_domain::limiter::RateLimiter;
use inwren_domain::store::{Maintenance, Store};
use inwren_domain::token::LegacyTokenVerifier;
use inwren_domain::{Core, Settings};

use crate::config::{Config, DatabaseTarget};
use crate::http::shared::limits::Limits;
use crate::http::{AppState, Issuer, PendingBodies, TrustedProxies};
use crate::keys::KeyStore;
use crate::observability::metrics::{Metrics, Probes};
use crate::observability::traces::Traces;
pub use maintenance::maintenance;

/// The database of another service, for the command that imports its users.
pub use inwren_adapters::store::sql::{ForeignDatabase, ForeignError};

/// How far the clocks of two instances may differ.
const LEEWAY: time::Duration = time::Duration::seconds(10);

/// A store, and what only a database has.
#[derive(Clone)]
pub struct OpenedStore {
    /// The store.
    pub store: Arc<dyn Store>,
    /// The maintenance of the database behind it; `None` for a store in memory.
    pub maintenance: Option<Arc<dyn Maintenance>>,
}

/// Opens the store that the configuration names. A database that does not answer is waited for.
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

/// A store with nobody in it, for what is only tried.
pub fn nobody() -> Arc<dyn Store> {
    Arc::new(MemoryStore::new())
}

/// Why there is no store.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// It is of no use to try again.
    #[error("DATABASE_URL: {0}")]
    Final(ConnectError),
    /// It was tried again and again for as long as is configured.
    #[error("DATABASE_URL: no database within DATABASE_CONNECT_TIMEOUT={}: {last}", .patience.as_secs())]
    OutOfPatience {
        /// How long it was tried.
        patience: Duration,
        /// What was wrong the last time.
        last: StoreError,
    },
}

async fn connect(
    target: &SqlTarget,
    options: &SqlOptions,
    patience: Duration,
) -> Result<SqlStore, OpenError> {
    // A server may be about to start, and another process may soon unlock a file; but a file exists or does not.
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

/// How many threads hash passwords.
pub fn hash_threads(config: &Config) -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    config.hash_threads.unwrap_or_else(cores)
}

/// Plugs everything together around a store.
pub fn core(config: &Config, store: Arc<dyn Store>, tokens: Arc<Tokens>) -> Result<Core, WiringError> {
    Ok(core_with(config, store, hasher(config)?, tokens))
}

/// The password hasher, with its threads running.
pub fn hasher(config: &Config) -> Result<Arc<Argon2Hasher>, WiringError> {
    let hasher = Argon2Hasher::start(config.argon2, hasher_limits(config), entropy())
        .map_err(|error| WiringError::Hasher(error.to_string()))?;
    Ok(Arc::new(hasher))
}

fn hasher_limits(config: &Config) -> HasherLimits {
    HasherLimits::for_machine(hash_threads(config), config.argon2)
}

/// Where users are brought in: a store, without keys and without threads that hash.
pub fn destination(config: &Config, store: Arc<dyn Store>) -> Result<Destination, WiringError> {
    let hashes = AffordableHashes::new(config.argon2, hasher_limits(config))
        .map_err(|error| WiringError::Hasher(error.to_string()))?;
    let tiers = config.rules.tiers.clone();
    Ok(Destination { store, hashes: Arc::new(hashes), tiers, clock: clock(), entropy: entropy() })
}

/// Plugs everything together around a store and a hasher.
pub fn core_with(
    config: &Config,
    store: Arc<dyn Store>,
    hasher: Arc<dyn PasswordHasher>,
    tokens: Arc<Tokens>,
) -> Core {
    Core {
        store,
        hasher,
        issuer: Arc::clone(&tokens) as _,
        verifier: Arc::clone(&tokens) as _,
        legacy_tokens: legacy_tokens(config, &tokens),
        keys: tokens,
        clock: clock(),
        entropy: entropy(),
        undelivered: Arc::default(),
        settings: config.rules.clone(),
    }
}

/// The clock of the machine: one for the whole process, because it remembers what it has shown.
pub fn clock() -> Arc<dyn Clock> {
    static CLOCK: OnceLock<Arc<SystemClock>> = OnceLock::new();
    CLOCK.get_or_init(|| Arc::new(SystemClock::start())).clone()
}

/// Randomness from the system.
pub fn entropy() -> Arc<dyn Entropy> {
    Arc::new(SystemEntropy)
}

/// The signing keys of this configuration.
pub fn key_store(config: &Config) -> KeyStore {
    let Settings { access_token_lifetime, refresh_token_lifetime, .. } = config.rules;
    KeyStore {
        paths: config.keys.clone(),
        environment: config.environment,
        token_lifetime: access_token_lifetime.max(refresh_token_lifetime) + LEEWAY,
        max_age: config.jwks_max_age,
    }
}

/// The token adapter of this build.
#[cfg(feature = "aws-lc")]
pub type Tokens = inwren_adapters::crypto::jwt::AwsLcTokens;
/// The token adapter of this build.
#[cfg(not(feature = "aws-lc"))]
pub type Tokens = inwren_adapters::crypto::jwt::PortableTokens;

/// The name of the token adapter of this build.
pub const TOKENS: &str = if cfg!(feature = "aws-lc") { "aws-lc" } else { "portable" };

/// What signs and verifies with these keys.
pub fn tokens(config: &Config, keys: &SigningKeys) -> Result<Arc<Tokens>, KeyError> {
    let format = TokenFormat {
        issuer: config.token_issuer.clone(),
        audience: config.token_audience.clone(),
        leeway: LEEWAY,
    };
    Ok(Arc::new(Tokens::with_keys(format, keys)?))
}

/// What accepts access tokens of the service before this one, if the configuration says that they are.
pub fn legacy_tokens(config: &Config, tokens: &Arc<Tokens>) -> Option<Arc<dyn LegacyTokenVerifier>> {
    let until = config.legacy_tokens_until?;
    Some(Arc::new(LegacyTokens::new(Arc::clone(tokens), until)))
}

/// What bounds how often who may do what: Redis, which need not be there yet, or the memory of this process.
fn rate_limiter(config: &Config) -> Arc<dyn RateLimiter> {
    match &config.redis {
        Some(redis) if config.limits.enabled => {
            let options = RedisOptions { key_prefix: redis.key_prefix.clone(), ..RedisOptions::default() };
            Arc::new(RedisRateLimiter::start(redis.target.clone(), options))
        }
        _ => Arc::new(MemoryRateLimiter::default()),
    }
}

/// What can be asked how busy it is.
pub fn probes(hasher: Arc<Argon2Hasher>, maintenance: Option<Arc<dyn Maintenance>>) -> Probes {
    let pools = |maintenance: Arc<dyn Maintenance>| Box::new(move || maintenance.pools()) as _;
    Probes {
        hasher: Some(Box::new(move || hasher.metrics())),
        database: maintenance.map(pools),
        ..Probes::default()
    }
}

/// Makes a span of every request, and of its calls of ports.
pub fn trace(state: &mut AppState, traces: &Traces) {
    let tracer = traces.tracer();
    state.core = traced::ports(state.core.clone(), tracer);
    state.limits.wrap(|limiter| traced::limiter(limiter, tracer));
    state.tracer = Some(Arc::clone(tracer));
    let counts = Arc::clone(traces.counts());
    state.metrics.probes.traces = Some(Box::new(move || counts.get()));
}

/// What the HTTP interface works with. Must be called within a runtime.
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
        trusted_proxies: TrustedProxies {
            networks: config.trusted_proxies.clone(),
            header: config.proxy_header,
        },
        metrics,
        tracer: None,
        project_name: config.project_name.clone(),
        issuer: Issuer::new(&config.token_issuer, &config.token_audience),
        jwks_max_age: config.jwks_max_age,
        draining: AtomicBool::new(false),
    })
}

/// Why the parts do not fit together.
#[derive(Debug, thiserror::Error)]
pub enum WiringError {
    /// The key cannot sign.
    #[error("PRIVATE_KEY_PATH: the key {0}")]
    Key(#[from] KeyError),
    /// The password hasher could not be started.
    #[error("the password hasher could not be started: {0}")]
    Hasher(String),
}

#[cfg(not(any(feature = "aws-lc", feature = "portable")))]
compile_error!("choose a token adapter: the feature `aws-lc` or `portable`");
