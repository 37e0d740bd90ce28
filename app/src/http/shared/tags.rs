use poem_openapi::Tags;

/// The parts of the interface.
#[derive(Tags)]
pub(in crate::http) enum ApiTags {
    /// Registering, logging in, refreshing and logging out; and the same for OAuth 2.0 libraries.
    Authentication,
    /// The own account and its sessions.
    #[oai(rename = "Current user")]
    CurrentUser,
    /// What services need that verify tokens themselves: the public keys, and where everything is.
    Verification,
    /// What superusers do with users and their sessions.
    Administration,
    /// Whether the service is well, and what it is.
    Service,
}
