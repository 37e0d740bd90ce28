use inwren_domain::client::{ClientAssertions, ClientId, VerifiedAssertion};
use inwren_domain::kernel::PlainToken;
use time::{Duration, OffsetDateTime};

/// Assertions in plain text, which are valid under any key set that [`is_key_set`](ClientAssertions::is_key_set)
/// accepts. A test creates them with [`client_assertion`].
#[derive(Debug, Default)]
pub struct FakeAssertions;

/// The longest lifetime of an assertion.
const LONGEST: Duration = Duration::minutes(10);

/// Creates an assertion of the client with this `jti`. Its `exp` has whole seconds.
pub fn client_assertion(client: &ClientId, id: &str, expires_at: OffsetDateTime) -> PlainToken {
    PlainToken::new(format!("assertion {client} {id} {}", expires_at.unix_timestamp()))
}

fn parts(assertion: &str) -> Option<(ClientId, VerifiedAssertion)> {
    let parts: Vec<&str> = assertion.split(' ').collect();
    let ["assertion", client, id, seconds] = parts[..] else { return None };
    let expires_at = OffsetDateTime::from_unix_timestamp(seconds.parse().ok()?).ok()?;
    Some((ClientId::parse(client).ok()?, VerifiedAssertion { id: id.to_owned(), expires_at }))
}

impl ClientAssertions for FakeAssertions {
    fn client_of(&self, assertion: &str) -> Option<ClientId> {
        parts(assertion).map(|(client, _)| client)
    }

    fn verify(
        &self,
        assertion: &PlainToken,
        client: &ClientId,
        jwks: &str,
        now: OffsetDateTime,
    ) -> Option<VerifiedAssertion> {
        let (named, verified) = parts(assertion.expose())?;
        let is_timely = verified.expires_at > now && verified.expires_at <= now + LONGEST;
        (named == *client && is_timely && self.is_key_set(jwks)).then_some(verified)
    }

    fn is_key_set(&self, jwks: &str) -> bool {
        jwks.contains("\"keys\"")
    }
}
