//! The page of an ephemeral service: its users, its clients and its endpoints. No other service has it, because it
//! contains passwords.

use minijinja::context;
use poem::{Request, Response, Route, get, handler};

use super::shared::problem::Problem;
use super::shared::state::AppState;
use crate::ephemeral::{CLIENTS, SEEDS};
use crate::pages::{self, Grants, View};

/// The path in the route table, with its operation name in the metrics.
pub(in crate::http) const PAGE: (&str, &str) = ("/ephemeral", "get_ephemeral_page");

/// Adds the page.
pub(in crate::http) fn routes(route: Route) -> Route {
    route.at(PAGE.0, get(show))
}

#[handler]
async fn show(request: &Request) -> Result<Response, Problem> {
    let state = AppState::of(request)?;
    let view = View {
        template: "ephemeral.html",
        title: "Test server",
        service: &state.project_name,
        root: &state.issuer.at("/"),
        styles: &[],
        scripts: &[],
        grants: Grants::NONE,
    };
    let users = SEEDS.map(|user| {
        let (email, password, totp_secret) = (user.email, user.password, user.totp_secret);
        context! { email, password, totp_secret, is_superuser => user.is_superuser }
    });
    let clients = CLIENTS.map(|client| {
        let (id, secret, kind) = (client.id, client.secret, client.kind().as_str());
        let uris = client.redirect_uris.to_vec();
        context! { id, secret, kind, redirect_uris => uris, name => client.name }
    });
    let base = state.issuer.public_url();
    let values = context! {
        users => users.to_vec(),
        clients => clients.to_vec(),
        discovery => format!("{base}/.well-known/openid-configuration"),
        jwks => format!("{base}/.well-known/jwks.json"),
    };
    Ok(pages::render(&view, values).map_err(Problem::internal)?.response())
}
