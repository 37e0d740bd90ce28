use inwren_domain::kernel::Entropy;
use poem::Request;
use poem::http::HeaderName;

pub(super) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Returns the client's id for the request if it is well-formed, so that logs of several services can be correlated.
/// Otherwise returns a new id.
pub(in crate::http) fn request_id(request: &Request, entropy: &dyn Entropy) -> String {
    let given = request.headers().get(X_REQUEST_ID).and_then(|value| value.to_str().ok());
    if let Some(id) = given.filter(|id| is_well_formed(id)) {
        return id.to_owned();
    }
    new_request_id(entropy)
}

fn new_request_id(entropy: &dyn Entropy) -> String {
    let mut random = [0; 16];
    // If the random source fails, the id is not random. That is no reason to refuse the request here.
    let _ = entropy.fill(&mut random);
    uuid::Builder::from_random_bytes(random).into_uuid().to_string()
}

/// Returns whether the id is short enough for a log line and cannot forge one.
fn is_well_formed(id: &str) -> bool {
    (1..=64).contains(&id.len())
        && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:".contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_short_and_plain() {
        for good in ["a", "0199-3b1e", "req_1.2:3", &"x".repeat(64)] {
            assert!(is_well_formed(good), "{good}");
        }
        for bad in ["", "a b", "a\nb", "ü", "<id>", &"x".repeat(65)] {
            assert!(!is_well_formed(bad), "{bad}");
        }
    }
}
