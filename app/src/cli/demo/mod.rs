//! `inwren demo`: a service in this process, and a client that shows what it does.

mod client;
mod folder;
mod screen;
mod steps;

use std::collections::HashMap;

use tokio::sync::oneshot;

use self::folder::DemoFolder;
use self::screen::Screen;
use self::steps::Demo;
use super::error::{Failed, Outcome};
use super::support::say;
use crate::config::{Config, KeyPaths};
use crate::observability::logs::LogSink;
use crate::service::{Given, ServiceError, listen, serve};
use crate::wiring;

const NEXT: &str = "
Next
   inwren                   start a service on http://127.0.0.1:8000; try its API at /docs
   inwren serve --ephemeral start a test server for the tests of your own services
   inwren --help            list all commands
   docs/tutorial.md         do the same with curl, with a database and a superuser
   docs/verify-tokens.md    verify tokens in Python, Node, Rust, Go or Java";

/// Starts a service in memory on a free loopback port, shows the life of a session, and stops it.
pub(super) async fn run(flags: &HashMap<&'static str, String>) -> Outcome {
    let (mut config, folder) = configuration(flags)?;
    let listener = listen(&config).await?;
    let address = listener.local_addr().map_err(Failed::because)?;
    config.reached_at(&format!("{}://{address}", config.scheme()));
    // The output of the demo takes the place of the log.
    let log = LogSink::start(std::io::sink()).map_err(Failed::because)?;
    let (ready, is_ready) = oneshot::channel();
    let given = Given {
        listener,
        keys: None,
        ready: Box::new(move || {
            let _ = ready.send(());
        }),
    };
    let demo = Demo { config: &config, address, screen: Screen::of_stdout() };
    let shown = async {
        // If the service fails to start, the other branch reports why.
        if is_ready.await.is_err() {
            std::future::pending::<()>().await;
        }
        demo.run().await
    };
    let outcome = tokio::select! {
        served = serve(&config, Some(given), &log) => Err(stopped(served)),
        shown = shown => shown.map_err(Failed::Reason),
    };
    drop(folder);
    outcome?;
    say(NEXT);
    Ok(())
}

fn stopped(served: Result<(), ServiceError>) -> Failed {
    match served {
        Ok(()) => Failed::Reason("the demo was interrupted".to_owned()),
        Err(error) => error.into(),
    }
}

/// The configuration of a test server on any free port, with its keys in a folder of its own. It ignores the
/// environment, because the demo shall look the same everywhere. Flags of settings apply.
fn configuration(flags: &HashMap<&'static str, String>) -> Result<(Config, DemoFolder), Failed> {
    let any_port = |name: &str| (name == "PORT").then(|| "0".to_owned());
    let mut config = Config::ephemeral(flags, any_port, false, wiring::clock().now())
        .map_err(|error| Failed::Usage(error.to_string()))?;
    let folder = DemoFolder::create()
        .map_err(|error| Failed::Reason(format!("the folder for the keys cannot be created: {error}")))?;
    config.keys = KeyPaths::in_folder(folder.path());
    config.secret_keys.path = folder.path().join("secret.keys");
    Ok((config, folder))
}
