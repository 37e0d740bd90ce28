use std::sync::Arc;
use std::time::Duration;

use inwren_domain::ports::Store;
use poem::Response;
use poem::endpoint::BoxEndpoint;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::{Failed, Outcome};
use crate::config::{Config, DatabaseKind, Environment};
use crate::http::AppState;
use crate::server::{self, ServerOptions};
use crate::shutdown::StopSignals;
use crate::{http, keys, open_files, start, telemetry, wiring, worker};

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
    let served = async {
        let finished = server::serve(ready.listener, ready.endpoint, ready.options, stop).await;
        ready.sweeper.abort();
        ready.key_watch.abort();
        if tokio::time::timeout(MAX_CLOSE, ready.store.close()).await.is_err() {
            tracing::warn!("stopped without the database, which does not answer");
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

/// A service that has only to be let loose.
struct Ready {
    store: Arc<dyn Store>,
    state: Arc<AppState>,
    sweeper: JoinHandle<()>,
    key_watch: JoinHandle<()>,
    endpoint: BoxEndpoint<'static, Response>,
    listener: TcpListener,
    options: ServerOptions,
}

async fn prepare(config: &Config) -> Result<Ready, Failed> {
    let clock = wiring::clock();
    let key_store = wiring::key_store(config);
    let keys = key_store.open_or_generate(clock.now()).map_err(Failed::because)?;
    if keys.made {
        tracing::info!(path = %config.keys.private.display(), "made a new signing key");
    }
    let opened = wiring::open_store(config).await.map_err(Failed::because)?;
    start::prepare_schema(config, &opened).await.map_err(Failed::because)?;
    let tokens = wiring::tokens(config, &keys.keys).map_err(Failed::because)?;
    let core =
        wiring::core(config, Arc::clone(&opened.store), Arc::clone(&tokens)).map_err(Failed::because)?;
    if let Some(first) = &config.first_superuser {
        start::ensure_first_superuser(&core, first).await.map_err(Failed::because)?;
    }
    let cannot_listen =
        |error| Failed::Failed(format!("HOST, PORT: cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    let signs = core.keys.published(clock.now()).into_iter().next();
    let key_watch = keys::watch(key_store, &keys, tokens, clock).map_err(Failed::because)?;
    let sweeper = worker::start(Arc::new(core.clone()));
    let state = Arc::new(wiring::app_state(config, core).map_err(Failed::because)?);
    let endpoint = http::endpoint(&state, config.cors.clone());
    announce(config, address, &signs.map(|key| key.id).unwrap_or_default());
    let options = ServerOptions {
        max_connections: open_files::client_connections(config),
        shutdown_notice: config.shutdown_notice,
        shutdown_grace: config.shutdown_grace,
    };
    Ok(Ready { store: opened.store, state, sweeper, key_watch, endpoint, listener, options })
}

/// Tells where everything is, and what should not stay so.
fn announce(config: &Config, address: std::net::SocketAddr, kid: &str) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        storage = config.database.shown(),
        tokens = wiring::TOKENS,
        kid,
        environment = ?config.environment,
        "{} is listening on http://{address}",
        config.project_name
    );
    tracing::info!("documentation: http://{address}/docs and http://{address}/redoc");
    if config.database.kind == DatabaseKind::Memory {
        tracing::warn!("DATABASE_URL is memory: nothing is kept when the service stops");
    }
    if !config.limits.enabled {
        tracing::warn!("RATE_LIMIT_ENABLED is false: passwords can be guessed as fast as they are hashed");
    }
    if config.environment == Environment::Production && !address.ip().is_loopback() {
        tracing::info!("the service speaks plain HTTP: let a proxy in front of it speak TLS");
    }
}
