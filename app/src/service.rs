//! The life of the process: startup, serving and shutdown.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use inwren_adapters::crypto::jwt::SigningKeys;
use inwren_domain::store::Store;
use poem::endpoint::BoxEndpoint;
use poem::{EndpointExt as _, Response};
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::config::{Config, Environment, LogFormat};
use crate::http::{self, AppState, HealthEndpoint};
use crate::keys::{self, KeyStore, Opened};
use crate::observability::logs::LogSink;
use crate::observability::metrics::{self, OutboxMetrics};
use crate::observability::traces::Traces;
use crate::runtime::banner::Banner;
use crate::runtime::outbox::{OutboxWorker, Wake};
use crate::runtime::server::{self, Connections, HEADER_TIMEOUT, ServerOptions, Transport};
use crate::runtime::shutdown::StopSignals;
use crate::runtime::start::{self, StartError};
use crate::runtime::{open_files, workers};
use crate::secrets::{self, OpenedSecrets};
use crate::tls::ServedCertificate;
use crate::{ephemeral, letters, wiring};

/// Why the service does not run.
#[derive(Debug)]
pub(crate) enum ServiceError {
    /// A dependency is missing or has failed.
    Failed(String),
    /// A setting is invalid.
    Settings(String),
}

impl ServiceError {
    fn because(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How long a shutdown waits for the database to close its connections. Not waiting loses nothing: every answered
/// request is committed.
const MAX_CLOSE: Duration = Duration::from_secs(2);

/// Resources that the caller provides instead of the configuration.
pub(crate) struct Given {
    pub(crate) listener: TcpListener,
    /// The keys of a service with the published users. `None` uses the configured key files, and creates no users.
    pub(crate) keys: Option<SigningKeys>,
    /// Called when the service is ready to serve clients.
    pub(crate) ready: Box<dyn FnOnce() + Send>,
}

/// Serves with this configuration, and with the resources that the caller provides.
pub(crate) async fn serve(config: &Config, given: Option<Given>, log: &LogSink) -> Result<(), ServiceError> {
    let mut signals = StopSignals::listen().map_err(ServiceError::because)?;
    let ready = tokio::select! {
        ready = prepare(config, given, log) => ready?,
        () = signals.next() => {
            tracing::info!("stopped before it was ready");
            return Ok(());
        }
    };
    let (first, after_first) = oneshot::channel();
    let stop = async {
        signals.next().await;
        tracing::info!("stopping");
        ready.state.start_draining();
        let _ = first.send(signals);
    };
    let second = async {
        match after_first.await {
            Ok(mut signals) => signals.next().await,
            Err(_) => std::future::pending().await,
        }
    };
    let served = async {
        let finished = server::serve(ready.listener, ready.endpoint, ready.options, stop).await;
        for listener in ready.listeners {
            listener.abort();
        }
        ready.sweeper.abort();
        ready.outbox.stop(config.shutdown_grace).await;
        for watch in ready.watches {
            watch.abort();
        }
        if tokio::time::timeout(MAX_CLOSE, ready.store.close()).await.is_err() {
            tracing::warn!("stopped without closing the database, which does not respond");
        }
        if let Some(traces) = ready.traces {
            traces.stop().await;
        }
        finished
    };
    tokio::select! {
        finished = served => {
            if !finished {
                tracing::warn!("stopped with requests still in flight");
            }
            tracing::info!("stopped");
            Ok(())
        }
        () = second => Err(ServiceError::Failed("a second signal stopped the service immediately".to_owned())),
    }
}

/// How long a client of the metrics and health listeners may take to send its headers, and how long it may wait between
/// two requests.
const AUXILIARY_HEADER_TIMEOUT: Duration = Duration::from_secs(5);

/// Serves metrics or health until the task is aborted. Idle connections block no other client, because one is closed
/// for each new one.
fn serve_beside(
    setting: &'static str,
    listener: TcpListener,
    endpoint: BoxEndpoint<'static, Response>,
) -> JoinHandle<()> {
    let options = ServerOptions {
        connections: Connections::without_exemptions(setting, open_files::AUXILIARY_CONNECTIONS),
        header_timeout: AUXILIARY_HEADER_TIMEOUT,
        shutdown_notice: Duration::ZERO,
        shutdown_grace: Duration::ZERO,
        transport: Transport::default(),
    };
    tokio::spawn(async move {
        server::serve(listener, Arc::new(endpoint), options, std::future::pending()).await;
    })
}

/// A service that is ready to serve.
struct Ready {
    store: Arc<dyn Store>,
    state: Arc<AppState>,
    sweeper: JoinHandle<()>,
    /// The worker that sends letters and logout tokens.
    outbox: OutboxWorker,
    /// The watchers that reload changed files.
    watches: Vec<JoinHandle<()>>,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    listener: TcpListener,
    traces: Option<Traces>,
    /// The listeners for metrics and health, which are already served.
    listeners: Vec<JoinHandle<()>>,
    options: ServerOptions,
}

async fn prepare(config: &Config, given: Option<Given>, log: &LogSink) -> Result<Ready, ServiceError> {
    let clock = wiring::clock();
    let certificate = config.tls.as_ref().map(|paths| ServedCertificate::open(paths, config.environment));
    let certificate = certificate.transpose().map_err(ServiceError::because)?;
    let options = server_options(config, certificate.as_ref());
    let mut watches = Vec::new();
    if let Some(certificate) = certificate {
        watches.push(certificate.watch().map_err(ServiceError::because)?);
    }
    let listening;
    let (config, listener, keys, on_ready) = match given {
        Some(Given { listener, keys, ready }) => {
            let keys = keys.map_or_else(|| Keys::open(config), |keys| Ok(Keys::Given(keys)))?;
            (config, listener, keys, Some(ready))
        }
        None => {
            let keys = Keys::open(config)?;
            let listener = listen(config).await?;
            let address = listener.local_addr().map_err(|error| cannot_listen(config, &error))?;
            listening = config.listening_on(address.port());
            (&listening, listener, keys, None)
        }
    };
    let secrets = open_secrets(config, &keys, clock.now())?;
    let service = Arc::new(OnceLock::new());
    let mut listeners = Vec::new();
    if let Some(listener) = listen_beside("HEALTH_ADDR", config.health_listen, "health", "/health").await? {
        let health = HealthEndpoint::new(Arc::clone(&service), wiring::entropy(), config.cors.clone());
        listeners.push(serve_beside("HEALTH_ADDR", listener, health.boxed()));
    }
    let opened = async {
        let opened = wiring::open_store(config).await.map_err(ServiceError::because)?;
        start::prepare_schema(config, &opened).await.map_err(ServiceError::because)?;
        Ok(opened)
    };
    let meanwhile = Arc::new(http::waiting_endpoint(wiring::entropy(), config.cors.clone()));
    let opened = server::serve_meanwhile(&listener, meanwhile, &options, opened).await?;
    announce_legacy_tokens(config, clock.now());
    let tokens = wiring::tokens(config, keys.signing()).map_err(ServiceError::because)?;
    let hasher = wiring::hasher(config).map_err(ServiceError::because)?;
    let wake = Wake::default();
    let mail = wiring::mail(config).map_err(ServiceError::because)?;
    let mut core = wiring::core_with(
        config,
        Arc::clone(&opened.store),
        Arc::clone(&hasher) as _,
        Arc::clone(&tokens),
        mail,
    );
    core.outbox_signal = Arc::new(wake.clone());
    core.keyring = secrets.as_ref().map(OpenedSecrets::keyring);
    if let Some(secrets) = secrets {
        watches.extend(secrets.watch().map_err(ServiceError::because)?);
    }
    let is_development = config.environment == Environment::Development;
    let recent_letters = core.mail.as_mut().filter(|_| is_development).map(letters::record);
    if let Some(first) = &config.first_superuser {
        start::ensure_first_superuser(&core, first, config.environment).await.map_err(
            |error| match error {
                StartError::WeakFirstPassword { .. } => ServiceError::Settings(error.to_string()),
                error => ServiceError::because(error),
            },
        )?;
    }
    let is_ephemeral = matches!(keys, Keys::Given(_));
    match keys {
        Keys::Files(store, opened) => {
            watches.push(
                keys::watch(store, &opened, tokens, Arc::clone(&clock)).map_err(ServiceError::because)?,
            );
        }
        Keys::Given(_) => ephemeral::seed(&core).await.map_err(ServiceError::because)?,
    }
    let address = listener.local_addr().map_err(|error| cannot_listen(config, &error))?;
    let signs = core.keys.published(clock.now()).into_iter().next();
    let sweeper = workers::start(Arc::new(core.clone()), opened.maintenance.clone(), config.sweep_interval);
    let outbox_metrics = Arc::<OutboxMetrics>::default();
    let outbox = OutboxWorker::start(core.clone(), &wake, &outbox_metrics);
    let mut state = wiring::app_state(config, core).map_err(ServiceError::because)?;
    http::check_account_pages(&state.page_texts)
        .map_err(|error| ServiceError::Settings(format!("TEMPLATES_DIR: {error}")))?;
    state.recent_letters = recent_letters;
    state.is_ephemeral = is_ephemeral;
    state.metrics.outbox = Some(outbox_metrics);
    state.metrics.probes = wiring::probes(hasher, opened.maintenance);
    let connections = Arc::clone(&options.connections);
    state.metrics.probes.connections = Some(Box::new(move || connections.metrics()));
    let traces = config.traces.as_ref().map(Traces::start).transpose().map_err(ServiceError::because)?;
    if let Some(traces) = &traces {
        wiring::trace(&mut state, traces);
    }
    let state = Arc::new(state);
    let endpoint = Arc::new(http::endpoint(&state, config.cors.clone()));
    let _ = service.set(Arc::clone(&endpoint));
    if let Some(listener) =
        listen_beside("METRICS_ADDR", config.metrics_listen, "metrics", "/metrics").await?
    {
        listeners.push(serve_beside("METRICS_ADDR", listener, metrics::endpoint(&state)));
    }
    announce(config, address, &signs.map(|key| key.id).unwrap_or_default(), on_ready.is_some(), log);
    if let Some(on_ready) = on_ready {
        on_ready();
    }
    Ok(Ready {
        store: opened.store,
        state,
        sweeper,
        outbox,
        watches,
        endpoint,
        listener,
        traces,
        listeners,
        options,
    })
}

fn server_options(config: &Config, certificate: Option<&ServedCertificate>) -> ServerOptions {
    let proxies = if config.proxy_protocol { config.trusted_proxies.clone().into() } else { Arc::default() };
    ServerOptions {
        connections: Connections::of_clients(
            open_files::client_connections(config),
            config.trusted_proxies.clone(),
        ),
        header_timeout: HEADER_TIMEOUT,
        shutdown_notice: config.shutdown_notice,
        shutdown_grace: config.shutdown_grace,
        transport: Transport { proxies, tls: certificate.map(ServedCertificate::tls) },
    }
}

/// Logs at each startup that legacy tokens are accepted, so that operators do not forget to switch them off.
fn announce_legacy_tokens(config: &Config, now: OffsetDateTime) {
    match config.legacy_tokens_until {
        Some(until) if now < until => {
            tracing::warn!(%until, "LEGACY_TOKENS_UNTIL: access tokens of the legacy service are accepted");
        }
        Some(_) => tracing::info!("LEGACY_TOKENS_UNTIL has passed: remove the setting"),
        None => {}
    }
}

/// The keys and their source.
enum Keys {
    /// From files, which may change.
    Files(KeyStore, Opened),
    /// From the caller.
    Given(SigningKeys),
}

impl Keys {
    fn open(config: &Config) -> Result<Self, ServiceError> {
        let store = wiring::key_store(config);
        let opened = store.open_or_generate(wiring::clock().now()).map_err(ServiceError::because)?;
        if opened.made {
            tracing::info!(path = %config.keys.private.display(), "created a signing key");
        }
        Ok(Self::Files(store, opened))
    }

    fn signing(&self) -> &SigningKeys {
        match self {
            Self::Files(_, opened) => &opened.keys,
            Self::Given(keys) => keys,
        }
    }
}

/// Opens the secret keys. A service with published keys has one in memory.
fn open_secrets(
    config: &Config,
    keys: &Keys,
    now: OffsetDateTime,
) -> Result<Option<OpenedSecrets>, ServiceError> {
    let entropy = wiring::entropy();
    match keys {
        Keys::Given(_) => OpenedSecrets::in_memory(now, &*entropy).map(Some),
        Keys::Files(..) => secrets::open_to_serve(&config.secret_keys, config.environment, now, &*entropy),
    }
    .map_err(ServiceError::because)
}

/// Listens on the configured address.
pub(crate) async fn listen(config: &Config) -> Result<TcpListener, ServiceError> {
    TcpListener::bind(config.listen).await.map_err(|error| cannot_listen(config, &error))
}

fn cannot_listen(config: &Config, error: &std::io::Error) -> ServiceError {
    let address = config.listen;
    let advice = match error.kind() {
        std::io::ErrorKind::AddrInUse => {
            ". Another program listens there: choose another PORT, or 0 for any free one"
        }
        std::io::ErrorKind::PermissionDenied => ". Ports below 1024 are for root: choose another PORT",
        std::io::ErrorKind::AddrNotAvailable => ". This machine has no such address: choose another HOST",
        _ => "",
    };
    ServiceError::Failed(format!("HOST, PORT: cannot listen on {address}: {error}{advice}"))
}

/// Opens an additional listener, if it is configured, and logs its address.
async fn listen_beside(
    setting: &str,
    wanted: Option<SocketAddr>,
    what: &str,
    path: &str,
) -> Result<Option<TcpListener>, ServiceError> {
    let Some(wanted) = wanted else { return Ok(None) };
    let cannot_listen =
        |error| ServiceError::Failed(format!("{setting}: cannot listen on {wanted}: {error}"));
    let listener = TcpListener::bind(wanted).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    tracing::info!("{what}: http://{address}{path}");
    Ok(Some(listener))
}

/// Announces the addresses and the warnings: as text for people, or in the log as JSON.
fn announce(config: &Config, address: SocketAddr, kid: &str, is_ephemeral: bool, log: &LogSink) {
    let banner = Banner { config, address, kid, is_ephemeral };
    match config.log_format {
        LogFormat::Json => banner.log(),
        // The text is not a log event, so it appears whatever RUST_LOG says. The sink writes it before the lines of the
        // startup.
        LogFormat::Pretty => log.banner(banner.text()),
    }
}
