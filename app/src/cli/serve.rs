use std::sync::Arc;

use tokio::net::TcpListener;

use super::{Failed, Outcome};
use crate::config::{Config, DatabaseKind, Environment};
use crate::server::{self, ServerOptions};
use crate::shutdown::StopSignals;
use crate::{http, keys, start, telemetry, wiring, worker};

/// Runs the service until it is told to stop.
pub(super) async fn run(config: Config) -> Outcome {
    telemetry::start(config.log_format, &config.log_filter);
    let mut signals = StopSignals::listen().map_err(Failed::because)?;

    let clock = wiring::clock();
    let key_store = wiring::key_store(&config);
    let keys = key_store.open_or_generate(clock.now()).map_err(Failed::because)?;
    if keys.made {
        tracing::info!(path = %config.keys.private.display(), "made a new signing key");
    }
    let opened = wiring::open_store(&config).await.map_err(Failed::because)?;
    start::prepare_schema(&config, &opened).await.map_err(Failed::because)?;
    let tokens = wiring::tokens(&config, &keys.keys).map_err(Failed::because)?;
    let key_watch = keys::watch(key_store, &keys, Arc::clone(&tokens), clock).map_err(Failed::because)?;
    let core = wiring::core(&config, Arc::clone(&opened.store), tokens).map_err(Failed::because)?;
    if let Some(first) = &config.first_superuser {
        start::ensure_first_superuser(&core, first).await.map_err(Failed::because)?;
    }
    let signs = core.keys.published(core.clock.now()).into_iter().next();
    let sweeper = worker::start(Arc::new(core.clone()));
    let state = Arc::new(wiring::app_state(&config, core).map_err(Failed::because)?);
    let endpoint = http::endpoint(&state, config.cors.clone());

    let cannot_listen =
        |error| Failed::Failed(format!("HOST, PORT: cannot listen on {}: {error}", config.listen));
    let listener = TcpListener::bind(config.listen).await.map_err(cannot_listen)?;
    let address = listener.local_addr().map_err(cannot_listen)?;
    announce(&config, address, &signs.map(|key| key.id).unwrap_or_default());

    let options =
        ServerOptions { max_connections: config.max_connections, shutdown_grace: config.shutdown_grace };
    let stop = async {
        signals.next().await;
        tracing::info!("stopping");
        state.start_draining();
    };
    let finished = server::serve(listener, endpoint, options, stop).await;
    sweeper.abort();
    key_watch.abort();
    opened.store.close().await;
    if !finished {
        tracing::warn!("stopped with requests still in flight");
    }
    tracing::info!("stopped");
    Ok(())
}

/// Tells where everything is, and what should not stay so.
fn announce(config: &Config, address: std::net::SocketAddr, kid: &str) {
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        storage = config.database.shown(),
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
