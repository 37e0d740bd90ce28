use super::error::{Failed, Outcome};
use crate::config::{Config, misspelt};
use crate::observability::logs::{self, LogOutput};
use crate::service::serve;

/// Runs the service until it is stopped. A second signal ends it immediately, even with requests in flight.
pub(super) async fn run(config: &Config) -> Outcome {
    let log =
        logs::start(LogOutput::Stdout, config.log_format, &config.log_filter).map_err(Failed::because)?;
    for misspelt in misspelt() {
        tracing::warn!("{misspelt}");
    }
    let outcome = serve(config, None, &log).await.map_err(Failed::from);
    log.flush();
    outcome
}
