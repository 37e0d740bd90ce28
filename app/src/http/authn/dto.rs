use crate::http::shared::body::request_body;

request_body! {
    /// The credentials of a user.
    LoginRequest {
        /// The e-mail address.
        email: String = "ann@example.org".to_owned(),
        /// The password.
        password: String = "securepassword123".to_owned(),
    }
}
