//! An axum service that accepts Inwren's access tokens.

mod verify;

use std::env;
use std::error::Error;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::response::{AppendHeaders, IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde_json::{Value, json};
use verify::{Claims, Refused, Verifier};

/// A handler with a `Claims` parameter is called only with a valid token.
impl FromRequestParts<Arc<Verifier>> for Claims {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, verifier: &Arc<Verifier>) -> Result<Self, Refused> {
        let authorization = parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok());
        verifier.authenticate(authorization).await
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        let challenge = self.challenge().map(|challenge| (WWW_AUTHENTICATE, challenge));
        (self.status(), AppendHeaders(challenge)).into_response()
    }
}

async fn me(claims: Claims) -> Json<Value> {
    Json(json!({ "sub": claims.sub }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Router::new().route("/me", get(me)).with_state(Arc::new(Verifier::from_env()?));
    let port: u16 = env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    axum::serve(listener, app).await?;
    Ok(())
}
