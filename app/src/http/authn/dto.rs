use crate::http::shared::body::request_body;

request_body! {
    /// Somebody wants to log in.
    LoginRequest {
        /// The login name.
        email: String = "ann@example.org".to_owned(),
        /// The password.
        password: String = "securepassword123".to_owned(),
    }
}
