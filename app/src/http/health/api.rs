use std::sync::Arc;

use poem_openapi::{ApiResponse, OpenApi};

use super::checks;
use super::dto::{Health, HealthStatus, Liveness, ServiceInfo};
use crate::http::shared::responses::{self, Answer, Json};
use crate::http::shared::state::AppState;
use crate::http::shared::tags::ApiTags;

pub(in crate::http) struct HealthApi(pub(in crate::http) Arc<AppState>);

/// When to check again, in seconds.
pub(super) const RETRY_AFTER: u64 = 2;

#[derive(ApiResponse)]
pub(super) enum HealthAnswer {
    /// The service is ready for requests.
    #[oai(status = 200)]
    Ready(Json<Health>),
    /// The service is not ready for requests. `checks` shows the cause.
    #[oai(status = 503)]
    NotReady(
        Json<Health>,
        /// When to check again, in seconds.
        #[oai(header = "Retry-After")]
        u64,
    ),
}

#[OpenApi(tag = "ApiTags::Service")]
impl HealthApi {
    /// Get service information
    ///
    /// Returns the name and version of the service, and links to its documentation.
    #[oai(path = "/", method = "get", operation_id = "get_service_info")]
    async fn info(&self) -> Answer<Json<ServiceInfo>, responses::Always> {
        Ok(Json(ServiceInfo {
            name: self.0.project_name.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            docs: self.0.issuer.at("/docs"),
            openapi: self.0.issuer.at("/openapi.json"),
        }))
    }

    /// Check readiness
    ///
    /// For load balancers: whether the service is ready for requests. A `degraded` component still works, so it does
    /// not change the status 200.
    #[oai(path = "/health", method = "get", operation_id = "get_health")]
    async fn health(&self) -> Answer<HealthAnswer, responses::Health> {
        let health = checks::check(&self.0).await;
        Ok(match health.status {
            HealthStatus::Ok => HealthAnswer::Ready(Json(health)),
            _ => HealthAnswer::NotReady(Json(health), RETRY_AFTER),
        })
    }

    /// Check liveness
    ///
    /// For process supervisors: whether the process runs. It does not check the database or other dependencies, because
    /// a restart would not repair them.
    #[oai(path = "/health/live", method = "get", operation_id = "get_liveness")]
    async fn live(&self) -> Answer<Json<Liveness>, responses::Always> {
        Ok(Json(Liveness { status: HealthStatus::Ok }))
    }
}
