use poem_openapi::Tags;

/// The groups of operations.
#[derive(Tags)]
pub(in crate::http) enum ApiTags {
    /// Registration, login, refresh and logout, and the endpoints for OAuth 2.0 libraries.
    Authentication,
    /// Verification of addresses, recovery of accounts, and invitations: what letters are for.
    Recovery,
    /// Your account and your sessions.
    #[oai(rename = "Current user")]
    CurrentUser,
    /// Your authenticator apps, passkeys and recovery codes.
    #[oai(rename = "Second factors")]
    SecondFactors,
    /// Tokens and claims for applications that users log in to (OpenID Connect).
    #[oai(rename = "OpenID provider")]
    OpenIdProvider,
    /// Public keys and metadata for services that verify tokens locally.
    Verification,
    /// Management of users, their sessions and OAuth 2.0 clients, for superusers.
    Administration,
    /// Health checks and information about the service.
    Service,
}
