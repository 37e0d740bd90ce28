use std::sync::Arc;
use std::time::Duration;

use inwren_domain::ports::Store;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use time::OffsetDateTime;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Failed, Outcome};
use crate::config::{Config, DatabaseKind, Environment};
use crate::http::AppState;
use crate::server::{self, ServerOptions, Transport};
use crate::shutdown::StopSignals;
use crate::tls::ServedCertificate;
use crate::traces::Traces;
use crate::{http, keys, metrics, open_files, start, telemetry, wiring, worker};

/// How long a stop waits for the database to take leave. Nothing is lost by not waiting: whatever was answered is kept.
const MAX_CLOSE: Duration = Duration::from_secs(2);

/// Runs the service until it is told to stop. A second signal ends it at once, whatever is still in flight.
pub(super) async fn run(config: Config) -> Outcome {
    let log = telemetry::start(config.log_format, &config.log_filter).map_err(Failed::because)?;
    let outcome = serve(config).await;
    log.flush();
    outcome
}

async fn serve(config: Config) -> Outcome {
    let mut signals = StopSignals::listen().map_err(Failed::because)?;
    let ready = tokio::select! {
        ready = prepare(&config) => ready?,
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
    let metrics = ready.metrics.map(|(listener, endpoint)| {
        let options = ServerOptions {
            max_connections: METRICS_CONNECTIONS,
            shutdown_notice: Duration::ZERO,
            shutdown_grace: Duration::ZERO,
            transport: Transport::default(),
        };
        tokio::spawn(server::serve(listener, endpoint, options, std::future::pending()))
    });
    let served = async {
        let finished = server::serve(ready.listener, ready.endpoint, ready.options, stop).await;
        if let Some(metrics) = metrics {
            metrics.abort();
        }
        ready.sweeper.abort();
        for watch in ready.watches {
            watch.abort();
        }
        if tokio::time::timeout(MAX_CLOSE, ready.store.close()).await.is_err() {
            tracing::warn!("stopped without the database, which does not answer");
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
        () = second => Err(Failed::Failed("a second signal ended the service at once".to_owned())),
    }
}

/// Who reads metrics is known, and few.
const METRICS_CONNECTIONS: usize = 16;

/// A service that has only to be let loose.
struct Ready {
    store: Arc<dyn Store>,
    state: Arc<AppState>,
    sweeper: JoinHandle<()>,
    /// What goes over to changed files.
    watches: Vec<JoinHandle<()>>,
    endpoint: BoxEndpoint<'static, Response>,
    listener: TcpListener,
    traces: Option<Traces>,
    metrics: Option<(TcpListener, BoxEndpoint<'static, Response>)>,
    options: ServerOptions,
}

async fn prepare(config: &Config) -> Result<Ready, Failed> {
    let clock = wiring::clock();
    let certificate = config.tls.as_ref().map(|paths| ServedCertificate::open(paths, config.environment));
    let certificate = certificate.transpose().map_err(Failed::because)?;
    let key_store = wiring::key_store(config);
    let keys = key_store.open_or_generate(clock.now()).map_err(Failed::because)?;
    if keys.made {
        tracing::info!(path = %config.keys.private.display(), "made a new signing key");
    }
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    start::prepare_schema(config, &opened).await.map_err(Failed::because)?;
    announce_legacy_tokens(config, clock.now());
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let hasher = wiring::hasher(config).map_err(Failed::because)?;
    let core =
        wiring::core_with(config, Arc::clone(&opened.store), Arc::clone(&hasher) as _, Arc::clone(&tokens));
    if let Some(first) = &config.first_superuser {
        start::ensure_first_superuser(&core, first).await.map_err(Failed::because)?;
    }
    let cannot_listen =
        |error| Failed::Failed(format!("HOST, PORT: cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let signs = core.keys.published(clock.now()).into_iter().next();
    let mut watches = vec![keys::watch(key_store, &keys, tokens, clock).map_err(Failed::because)?];
    let transport = Transport {
        proxies: if config.proxy_protocol { config.trusted_proxies.clone().into() } else { Arc::default() },
        tls: certificate.as_ref().map(ServedCertificate::tls),
    };
    if let Some(certificate) = certificate {
        watches.push(certificate.watch().map_err(Failed::because)?);
    }
    let sweeper = worker::start(Arc::new(core.clone()), opened.database.clone(), config.sweep_interval);
    let mut state = wiring::app_state(config, core).map_err(Failed::because)?;
    state.metrics.probes = wiring::probes(hasher, opened.database);
    let traces = config.traces.as_ref().map(Traces::start).transpose().map_err(Failed::because)?;
    if let Some(traces) = &traces {
        wiring::trace(&mut state, traces);
    }
    let state = Arc::new(state);
    let endpoint = http::endpoint(&state, config.cors.clone());
    let metrics = listen_for_metrics(config, &state).await?;
    announce(config, address, &signs.map(|key| key.id).unwrap_or_default());
    let options = ServerOptions {
        max_connections: open_files::client_connections(config),
        shutdown_notice: config.shutdown_notice,
        shutdown_grace: config.shutdown_grace,
        transport,
    };
    Ok(Ready { store: opened.store, state, sweeper, watches, endpoint, listener, traces, metrics, options })
}

/// Whoever has switched this on is told at each start, so that nobody forgets it.
fn announce_legacy_tokens(config: &Config, now: OffsetDateTime) {
    match config.legacy_tokens_until {
        Some(until) if now < until => {
            tracing::warn!(%until, "LEGACY_TOKENS_UNTIL: access tokens of the service before this one are accepted");
        }
        Some(_) => tracing::info!("LEGACY_TOKENS_UNTIL is over: it can be taken away"),
        None => {}
    }
}

async fn listen_for_metrics(
    config: &Config,
    state: &Arc<AppState>,
) -> Result<Option<(TcpListener, BoxEndpoint<'static, Response>)>, Failed> {
    let Some(wanted) = config.metrics_listen else { return Ok(None) };
    let cannot_listen = |error| Failed::Failed(format!("METRICS_ADDR: cannot listen on {wanted}: {error}"));
    let listener = TcpListener::bind(wanted).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    tracing::info!("metrics: http://{address}/metrics");
    Ok(Some((listener, metrics::endpoint(state))))
}

/// Tells where everything is, and what should not stay so.
fn announce(config: &Config, address: std::net::SocketAddr, kid: &str) {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        storage = config.database.shown(),
        tokens = wiring::TOKENS,
        kid,
        environment = ?config.environment,
        "{} is listening on {scheme}://{address}",
        config.project_name
    );
    tracing::info!("documentation: {scheme}://{address}/docs and {scheme}://{address}/redoc");
    if config.database.kind == DatabaseKind::Memory {
        tracing::warn!("DATABASE_URL is memory: nothing is kept when the service stops");
    }
    if !config.limits.enabled {
        tracing::warn!("RATE_LIMIT_ENABLED is false: passwords can be guessed as fast as they are hashed");
    }
    if config.environment == Environment::Production && config.tls.is_none() && !address.ip().is_loopback() {
        tracing::info!("the service speaks plain HTTP: let a proxy in front of it speak TLS");
    }
}
