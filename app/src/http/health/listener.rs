use std::sync::{Arc, OnceLock};

use inwren_domain::kernel::Entropy;
use poem::endpoint::BoxEndpoint;
use poem::http::StatusCode;
use poem::{Endpoint, Request, Response};

use super::waiting;
use crate::config::AllowedOrigins;
use crate::http::shared::middleware::Cors;

/// The endpoint of a separate health listener: `/health` and `/health/live`, and nothing else.
///
/// Until the service is ready, it responds like the service that waits for its database.
pub struct HealthEndpoint {
    service: Arc<OnceLock<Arc<BoxEndpoint<'static, Response>>>>,
    waiting: BoxEndpoint<'static, Response>,
}

impl HealthEndpoint {
    /// Creates the endpoint. It forwards requests to `service` as soon as that is set.
    pub fn new(
        service: Arc<OnceLock<Arc<BoxEndpoint<'static, Response>>>>,
        entropy: Arc<dyn Entropy>,
        cors: AllowedOrigins,
    ) -> Self {
        Self { service, waiting: waiting(entropy, Cors::new(cors)) }
    }
}

impl Endpoint for HealthEndpoint {
    type Output = Response;

    async fn call(&self, request: Request) -> poem::Result<Response> {
        if !matches!(request.uri().path(), "/health" | "/health/live") {
            return Ok(Response::builder().status(StatusCode::NOT_FOUND).finish());
        }
        match self.service.get() {
            Some(service) => service.call(request).await,
            None => self.waiting.call(request).await,
        }
    }
}
