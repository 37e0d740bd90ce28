//! The page at `/`, for people. Other clients get the JSON of `get_service_info`.

use minijinja::{Value, context};
use poem::{Request, Response, Route, get, handler};

use super::checks;
use super::dto::{Health, HealthStatus};
use crate::config::Environment;
use crate::http::shared::accept::Accept;
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;
use crate::pages::{self, Grants, View};

/// Adds the page.
pub(in crate::http) fn routes(route: Route) -> Route {
    route.at("/", get(home))
}

/// Returns whether the client prefers the page to JSON. One that accepts both alike gets JSON: only browsers ask for
/// HTML by name.
pub(in crate::http) fn is_wanted(request: &Request) -> bool {
    let accept = Accept::of(request);
    accept.quality("text/html") > accept.quality("application/json")
}

#[handler]
async fn home(request: &Request) -> Result<Response, Problem> {
    let state = AppState::of(request)?;
    let health = checks::check(state).await;
    let keys = state.core.keys.published(state.core.clock.now()).len();
    let is_development = state.environment == Environment::Development;
    let scripts: &[&str] =
        if is_development { &[pages::COPY_SCRIPT, pages::TRY_SCRIPT] } else { &[pages::COPY_SCRIPT] };
    let view = View {
        template: "home.html",
        title: &state.project_name,
        service: &state.project_name,
        root: &state.issuer.at("/"),
        styles: &[],
        scripts,
        grants: Grants { requests: is_development, ..Grants::NONE },
    };
    let values = context! {
        state => state_of(health.status),
        parts => parts(&health, keys),
        version => health.version,
        command => command(state.issuer.public_url()),
        is_development,
        has_letters => state.recent_letters.is_some(),
        is_ephemeral => state.is_ephemeral,
    };
    Ok(pages::render(&view, values).map_err(Problem::internal)?.response())
}

const fn state_of(status: HealthStatus) -> &'static str {
    match status {
        HealthStatus::Ok | HealthStatus::Degraded => "ready",
        HealthStatus::Unavailable => "not ready",
        HealthStatus::Stopping => "stopping",
    }
}

/// The parts of the service, each with its state. They say no more than `/health` and the published keys do.
fn parts(health: &Health, keys: usize) -> Vec<Value> {
    let part = |name: &str, status: HealthStatus, ok: &str| {
        let (level, text) = match status {
            HealthStatus::Ok => ("ok", ok),
            HealthStatus::Degraded => ("warn", "Degraded"),
            HealthStatus::Unavailable => ("bad", "Unavailable"),
            HealthStatus::Stopping => ("warn", "Stopping"),
        };
        context! { name, level, text }
    };
    let published = if keys == 1 { "1 published".to_owned() } else { format!("{keys} published") };
    let signing = if keys == 0 { HealthStatus::Unavailable } else { HealthStatus::Ok };
    vec![
        part("Database", health.checks.database, "Ready"),
        part("Signing keys", signing, &published),
        part("Rate limiter", health.checks.rate_limiter, "Ready"),
        part("Clock", health.checks.clock, "Ready"),
    ]
}

/// Returns the command that registers a user, for a POSIX shell.
fn command(base: &str) -> String {
    let url = format!("{base}/auth/register").replace('\'', "%27");
    format!(
        "curl '{url}' \\\n  -H 'Content-Type: application/json' \\\n  -d '{{\"email\": \"ann@example.org\", \
         \"password\": \"correct horse battery\"}}'"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_quotes_its_address() {
        let command = command("https://example.org/it's");
        assert!(command.starts_with("curl 'https://example.org/it%27s/auth/register' \\\n"), "{command}");
        assert_eq!(command.matches('\'').count(), 6, "{command}");
    }
}
