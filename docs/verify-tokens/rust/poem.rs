//! A poem service that accepts Inwren's access tokens.

mod verify;

use std::env;
use std::error::Error;
use std::sync::Arc;

use poem::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use poem::listener::{Acceptor as _, Listener as _, TcpListener};
use poem::web::{Data, Json};
use poem::{EndpointExt as _, FromRequest, Request, RequestBody, Response, Route, Server, get, handler};
use serde_json::{Value, json};
use verify::{Claims, Refused, Verifier};

/// A handler with a `Claims` parameter is called only with a valid token.
impl<'a> FromRequest<'a> for Claims {
    async fn from_request(request: &'a Request, body: &mut RequestBody) -> poem::Result<Self> {
        let Data(verifier) = Data::<&Arc<Verifier>>::from_request(request, body).await?;
        Ok(verifier.authenticate(request.header(AUTHORIZATION)).await?)
    }
}

impl From<Refused> for poem::Error {
    fn from(refused: Refused) -> Self {
        let response = Response::builder().status(refused.status());
        let response = match refused.challenge() {
            Some(challenge) => response.header(WWW_AUTHENTICATE, challenge),
            None => response,
        };
        Self::from_response(response.finish())
    }
}

#[handler]
async fn me(claims: Claims) -> Json<Value> {
    Json(json!({ "sub": claims.sub }))
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let app = Route::new().at("/me", get(me)).data(Arc::new(Verifier::from_env()?));
    let port: u16 = env::var("PORT").map_or(Ok(8080), |port| port.parse())?;
    let acceptor = TcpListener::bind(("127.0.0.1", port)).into_acceptor().await?;
    for address in acceptor.local_addr().iter().filter_map(|address| address.as_socket_addr()) {
        println!("listening on http://{address}");
    }
    Server::new_with_acceptor(acceptor).run(app).await?;
    Ok(())
}
