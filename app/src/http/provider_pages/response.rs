//! Authorization responses: to the application by a redirect or a form, or to the user alone.

use inwren_domain::client::RedirectUri;
use inwren_domain::kernel::PlainToken;
use inwren_domain::provider::ErrorCode;
use inwren_domain::provider::request::{ResponseMode, ReturnAddress, Unreturnable};
use minijinja::{Value, context};
use poem::Response;
use poem::http::StatusCode;

use super::render::Sheet;
use super::visit::{Outcome, Visit, see_other};
use crate::http::shared::problem::Problem;
use crate::pages;

/// The page of a request that does not show where a response may go. It never redirects.
pub(super) fn unreturnable(visit: &Visit, reason: Unreturnable) -> Outcome {
    let name = match reason {
        Unreturnable::UnknownClient => "unknown_client",
        Unreturnable::NoRedirectUri => "no_redirect_uri",
        Unreturnable::UnregisteredRedirectUri => "unregistered_redirect_uri",
    };
    log(name);
    Ok(visit.pages()?.message(StatusCode::BAD_REQUEST, name, None)?)
}

/// Sends an error to the application.
pub(super) fn refused(visit: &Visit, to: &ReturnAddress, code: ErrorCode, text: &'static str) -> Outcome {
    log(code.as_str());
    send(visit, to, &[("error", code.as_str()), ("error_description", text)])
}

/// Sends the code to the application.
pub(super) fn granted(visit: &Visit, to: &ReturnAddress, code: &PlainToken) -> Outcome {
    send(visit, to, &[("code", code.expose())])
}

fn log(error: &str) {
    tracing::info!(error, "authorization request refused");
}

/// Every response names the issuer (RFC 9207).
fn send(visit: &Visit, to: &ReturnAddress, parameters: &[(&str, &str)]) -> Outcome {
    let state = to.state.as_deref().map(|state| ("state", state));
    let issuer = ("iss", visit.state.issuer.name());
    let all: Vec<(&str, &str)> = parameters.iter().copied().chain(state).chain([issuer]).collect();
    match to.response_mode {
        ResponseMode::Query => see_other(&with_query(&to.redirect_uri, &all)?),
        ResponseMode::FormPost => Ok(form_post(visit, &to.redirect_uri, &all)?),
    }
}

/// What a content security policy names for a registered URI. It cannot name an IPv6 address.
pub(in crate::http) fn target(uri: &str) -> String {
    let source = RedirectUri::from_stored(uri.to_owned()).policy_source();
    match source.split_once("://[") {
        Some((scheme, _)) => format!("{scheme}:"),
        None => source,
    }
}

/// Adds parameters to a URI, which may have some.
pub(super) fn with_query(uri: &str, parameters: &[(&str, &str)]) -> Result<String, Problem> {
    let query = serde_urlencoded::to_string(parameters).map_err(Problem::internal)?;
    Ok(match uri.split_once('?') {
        _ if query.is_empty() => uri.to_owned(),
        None => format!("{uri}?{query}"),
        Some((_, "")) => format!("{uri}{query}"),
        Some(_) => format!("{uri}&{query}"),
    })
}

/// The page whose form posts the response to the application (OAuth 2.0 Form Post Response Mode section 2).
fn form_post(visit: &Visit, uri: &str, parameters: &[(&str, &str)]) -> Result<Response, Problem> {
    let pages = visit.pages()?;
    let fields = parameters.iter().map(|(name, value)| context! { name => *name, value => *value });
    let values = context! {
        text => pages.text("page.form_post.text")?,
        action => uri,
        fields => fields.collect::<Vec<Value>>(),
        submit => pages.text("page.form_post.submit")?,
    };
    let targets = [target(uri)];
    let sheet = Sheet { scripts: &[pages::POST_SCRIPT], targets: &targets, ..Sheet::of("form_post.html") };
    pages.page(StatusCode::OK, &sheet, &pages.text("page.form_post.title")?, None, values)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_follow_those_of_the_uri() {
        let with = |uri: &str| with_query(uri, &[("state", "a&b c")]).unwrap();
        assert_eq!(with("https://a.example/cb"), "https://a.example/cb?state=a%26b+c");
        assert_eq!(with("https://a.example/cb?x=1"), "https://a.example/cb?x=1&state=a%26b+c");
        assert_eq!(with("https://a.example/cb?"), "https://a.example/cb?state=a%26b+c");
        assert_eq!(with_query("https://a.example/cb", &[]).unwrap(), "https://a.example/cb");
    }

    #[test]
    fn policies_name_origins_or_schemes() {
        assert_eq!(target("https://app.example/a?b=c"), "https://app.example");
        assert_eq!(target("http://127.0.0.1:4321/"), "http://127.0.0.1:4321");
        assert_eq!(target("http://[::1]:4321/"), "http:");
        assert_eq!(target("com.example.app:/login"), "com.example.app:");
    }
}
