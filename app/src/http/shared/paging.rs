//! What all listings that come in pages have in common.

use poem::Request;

use super::problem::Problem;

/// Of two values for one parameter, programs differ in which they take; so there may be only one.
pub(in crate::http) fn refuse_repeated_parameters(request: &Request) -> Result<(), Problem> {
    let parameters = query_parameters(request);
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let repeated = names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    });
    match repeated {
        Some(name) => Err(Problem::invalid(&format!("/query/{name}"), "comes more than once")),
        None => Ok(()),
    }
}

/// The same query with the next cursor (RFC 8288). It is relative to the request, so that it is right under whatever path a
/// proxy serves the service.
pub(in crate::http) fn next_link(request: &Request, next: &str) -> String {
    let mut parameters = query_parameters(request);
    parameters.retain(|(name, _)| name != "cursor");
    parameters.push(("cursor".to_owned(), next.to_owned()));
    let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
    format!(r#"<?{query}>; rel="next""#)
}

/// The parameters as they are meant, however they are spelled.
fn query_parameters(request: &Request) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default()
}
