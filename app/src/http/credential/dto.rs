use crate::http::shared::body::request_body;

request_body! {
    /// The current and the new password.
    ChangePasswordRequest {
        /// The current password.
        current_password: String = "securepassword123".to_owned(),
        /// 8 to 128 characters of any kind. Each word that names the service or the user counts as one character.
        /// Common passwords, the e-mail address and its part before the @ are refused.
        #[oai(validator(min_length = 8, max_length = 128))]
        new_password: String = "even more secure 456".to_owned(),
    }
}
