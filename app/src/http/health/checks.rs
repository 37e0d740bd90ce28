use std::time::Duration;

use super::dto::{Health, HealthChecks, HealthStatus};
use crate::http::shared::state::AppState;

/// How long the database may take to respond.
const MAX_PING: Duration = Duration::from_secs(2);

/// Checks what the service needs. `/health` and the page at `/` show the result.
pub(super) async fn check(state: &AppState) -> Health {
    let database = match tokio::time::timeout(MAX_PING, state.core.store.ping()).await {
        Ok(Ok(())) => HealthStatus::Ok,
        Ok(Err(error)) => {
            tracing::warn!(%error, "the database does not answer");
            HealthStatus::Unavailable
        }
        Err(_) => {
            tracing::warn!("the database does not answer in time");
            HealthStatus::Unavailable
        }
    };
    let rate_limiter = if state.limits.is_degraded() { HealthStatus::Degraded } else { HealthStatus::Ok };
    let is_ahead = state.core.clock.signing_time().is_err();
    let clock = if is_ahead { HealthStatus::Unavailable } else { HealthStatus::Ok };
    let status = match database {
        _ if state.is_draining() => HealthStatus::Stopping,
        HealthStatus::Ok => clock,
        database => database,
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Health { status, version, checks: HealthChecks { database, rate_limiter, clock } }
}
