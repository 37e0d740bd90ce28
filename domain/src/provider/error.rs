macro_rules! codes {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// The error of an authorization response.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ErrorCode {
            $($(#[$doc])* $variant,)+
        }

        impl ErrorCode {
            /// The name in the response.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

codes! {
    /// RFC 6749 section 4.1.2.1.
    InvalidRequest = "invalid_request",
    /// RFC 6749 section 4.1.2.1.
    UnauthorizedClient = "unauthorized_client",
    /// RFC 6749 section 4.1.2.1.
    AccessDenied = "access_denied",
    /// RFC 6749 section 4.1.2.1.
    UnsupportedResponseType = "unsupported_response_type",
    /// RFC 6749 section 4.1.2.1.
    InvalidScope = "invalid_scope",
    /// RFC 6749 section 4.1.2.1.
    TemporarilyUnavailable = "temporarily_unavailable",
    /// RFC 8707 section 2.
    InvalidTarget = "invalid_target",
    /// OpenID Connect Core section 3.1.2.6.
    InteractionRequired = "interaction_required",
    /// OpenID Connect Core section 3.1.2.6.
    LoginRequired = "login_required",
    /// OpenID Connect Core section 3.1.2.6.
    AccountSelectionRequired = "account_selection_required",
    /// OpenID Connect Core section 3.1.2.6.
    ConsentRequired = "consent_required",
    /// OpenID Connect Core section 3.1.2.6.
    RequestNotSupported = "request_not_supported",
    /// OpenID Connect Core section 3.1.2.6.
    RequestUriNotSupported = "request_uri_not_supported",
    /// OpenID Connect Core section 3.1.2.6.
    RegistrationNotSupported = "registration_not_supported",
    /// OpenID Connect Core Error Code unmet_authentication_requirements 1.0.
    UnmetAuthenticationRequirements = "unmet_authentication_requirements",
}
