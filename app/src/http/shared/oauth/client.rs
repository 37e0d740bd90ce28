use inwren_domain::client::Client;
use poem::Request;

use super::error::{OAuthError, OAuthFailure};
use crate::http::shared::authentication::oauth_client::{self, ClientFields, NoCredentials};
use crate::http::shared::problem::Kind;
use crate::http::shared::state::AppState;
use crate::observability::metrics::ClientResult;

/// Authenticates the client of a request by the request and its form, or refuses it.
pub(in crate::http) async fn authenticate_client(
    state: &AppState,
    request: &Request,
    fields: ClientFields,
) -> Result<Client, OAuthFailure> {
    let credentials = oauth_client::credentials(request, fields).map_err(|reason| {
        state.metrics.outcomes.clients.count(ClientResult::Refused);
        no_credentials(reason)
    })?;
    let authenticated = oauth_client::authenticate(state, Some(&credentials)).await;
    authenticated.map_err(|problem| match problem.kind {
        Kind::INVALID_CLIENT => OAuthError::invalid_client().into(),
        _ => problem.into(),
    })
}

/// The error of a request without the credentials of a client.
fn no_credentials(reason: NoCredentials) -> OAuthError {
    match reason {
        NoCredentials::Missing => OAuthError::invalid_client(),
        NoCredentials::Several => OAuthError::invalid_request(
            "Authenticate the client in one way: HTTP Basic, client_secret or client_assertion.",
        ),
    }
}
