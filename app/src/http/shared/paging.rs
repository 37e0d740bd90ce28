//! Helpers for paginated lists.

use poem::Request;

use super::problem::Problem;

/// Refuses repeated query parameters, because programs differ in which of the values they use.
pub(in crate::http) fn refuse_repeated_parameters(request: &Request) -> Result<(), Problem> {
    let parameters = query_parameters(request);
    let mut names: Vec<&str> = parameters.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    let repeated = names.windows(2).find_map(|pair| match pair {
        [a, b] if a == b => Some(*a),
        _ => None,
    });
    match repeated {
        Some(name) => Err(Problem::invalid(
            &format!("/query/{name}"),
            format_args!("Repeated query parameter `{name}`"),
        )),
        None => Ok(()),
    }
}

/// Returns a link to the same query with the next cursor (RFC 8288). The link is relative to the request, so it is
/// valid under any path at which a proxy serves the service.
pub(in crate::http) fn next_link(request: &Request, next: &str) -> String {
    let mut parameters = query_parameters(request);
    parameters.retain(|(name, _)| name != "cursor");
    parameters.push(("cursor".to_owned(), next.to_owned()));
    let query = serde_urlencoded::to_string(parameters).unwrap_or_default();
    format!(r#"<?{query}>; rel="next""#)
}

/// Returns the decoded query parameters.
fn query_parameters(request: &Request) -> Vec<(String, String)> {
    serde_urlencoded::from_str(request.uri().query().unwrap_or_default()).unwrap_or_default()
}
