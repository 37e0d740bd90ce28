use poem_openapi::Tags;

/// The parts of the interface.
#[derive(Tags)]
pub(super) enum ApiTags {
    /// Registering, logging in, refreshing and logging out.
    Authentication,
    /// The own account and its sessions.
    #[oai(rename = "Current user")]
    CurrentUser,
    /// What services need that verify tokens themselves.
    Verification,
    /// What superusers do with users.
    Administration,
    /// Whether the service is well, and what it is.
    Service,
}
