use std::sync::Arc;
use std::time::Duration;

use poem_openapi::{ApiResponse, OpenApi};

use super::dto::{Health, HealthChecks, HealthStatus, Liveness, ServiceInfo};
use crate::http::shared::responses::{self, Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct HealthApi(pub(in crate::http) Arc<AppState>);

/// How long the database may take to say that it is there.
const MAX_PING: Duration = Duration::from_secs(2);
/// When to ask again, in seconds.
pub(super) const RETRY_AFTER: u64 = 2;

#[derive(ApiResponse)]
pub(super) enum HealthAnswer {
    /// Ready for requests.
    #[oai(status = 200)]
    Ready(Json<Health>),
    /// Not ready for requests; `checks` says why.
    #[oai(status = 503)]
    NotReady(
        Json<Health>,
        /// When to ask again, in seconds.
        #[oai(header = "Retry-After")]
        u64,
    ),
}

#[OpenApi(tag = "ApiTags::Service")]
impl HealthApi {
    /// What this service is
    ///
    /// Its name, its version, and where its documentation is.
    #[oai(path = "/", method = "get", operation_id = "get_service_info")]
    async fn info(&self) -> Answer<Json<ServiceInfo>, responses::Always> {
        Ok(Json(ServiceInfo {
            name: self.0.project_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: self.0.issuer.at("/docs"),
            openapi: self.0.issuer.at("/openapi.json"),
        }))
    }

    /// Whether the service is ready for requests
    ///
    /// For load balancers. A part that is `degraded` does its work, so the answer is 200 still.
    #[oai(path = "/health", method = "get", operation_id = "get_health")]
    async fn health(&self) -> Answer<HealthAnswer, responses::Health> {
        let database = match tokio::time::timeout(MAX_PING, self.0.core.store.ping()).await {
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
        let rate_limiter =
            if self.0.limits.is_degraded() { HealthStatus::Degraded } else { HealthStatus::Ok };
        let is_ahead = self.0.core.clock.signing_time().is_err();
        let clock = if is_ahead { HealthStatus::Unavailable } else { HealthStatus::Ok };
        let status = match database {
            _ if self.0.is_draining() => HealthStatus::Stopping,
            HealthStatus::Ok => clock,
            database => database,
        };
        let version = env!("CARGO_PKG_VERSION").to_owned();
        let health = Json(Health { status, version, checks: HealthChecks { database, rate_limiter, clock } });
        Ok(match status {
            HealthStatus::Ok => HealthAnswer::Ready(health),
            _ => HealthAnswer::NotReady(health, RETRY_AFTER),
        })
    }

    /// Whether the process runs
    ///
    /// For whoever would restart it. It says nothing of what the service needs: a restart would not bring that back.
    #[oai(path = "/health/live", method = "get", operation_id = "get_liveness")]
    async fn live(&self) -> Answer<Json<Liveness>, responses::Always> {
        Ok(Json(Liveness { status: HealthStatus::Ok }))
    }
}
