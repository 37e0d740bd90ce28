//! Which service client asks: HTTP Basic with its id and secret (RFC 6749 section 2.3.1; RFC 7617).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use inwren_domain::model::{PlainToken, ServiceClient};
use inwren_domain::service::Failure;
use inwren_domain::service::auth::client_credentials::{self, Credentials, NotAuthenticated};
use poem::Request;
use poem::http::{HeaderValue, header};
use zeroize::Zeroizing;

use super::authorization;
use super::problem::{Kind, Problem};
use super::state::AppState;
use crate::metrics::ClientResult;

/// The challenge for service clients.
pub(super) const BASIC: HeaderValue = HeaderValue::from_static(r#"Basic realm="inwren""#);

/// What the `Authorization` header says, if it is of the scheme `Basic`. The inner `None` is one that cannot be read.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn basic_credentials(request: &Request) -> Option<Option<Credentials>> {
    let mut values = request.headers().get_all(header::AUTHORIZATION).iter();
    let (scheme, encoded) = authorization::split(values.next()?)?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    if values.next().is_some() {
        return Some(None);
    }
    let decoded = STANDARD.decode(encoded.trim()).ok().map(Zeroizing::new);
    let credentials = decoded.and_then(|bytes| {
        let (id, secret) = std::str::from_utf8(&bytes).ok()?.split_once(':')?;
        Some(Credentials { id: id.to_owned(), secret: PlainToken::new(secret.to_owned()) })
    });
    Some(credentials)
}

/// Finds out which client this is, or refuses it.
pub(super) async fn authenticate(
    state: &AppState,
    credentials: Option<&Credentials>,
) -> Result<ServiceClient, Problem> {
    let clients = &state.metrics.outcomes.clients;
    let Some(credentials) = credentials else {
        clients.count(ClientResult::Refused);
        return Err(invalid_client());
    };
    let result = client_credentials::authenticate(&state.core, credentials).await;
    clients.count((&result).into());
    result.map_err(|failure| match failure {
        Failure::Refused(NotAuthenticated) => {
            tracing::info!("service client refused");
            invalid_client()
        }
        Failure::Port(failure) => failure.into(),
    })
}

/// One answer for all clients that are not let in.
fn invalid_client() -> Problem {
    Problem::new(Kind::INVALID_CLIENT, "The client is not known, revoked, or its secret is another one.")
        .header(header::WWW_AUTHENTICATE, BASIC)
}
