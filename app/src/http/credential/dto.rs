use crate::http::shared::body::request_body;

request_body! {
    /// The old password, and the new one.
    ChangePasswordRequest {
        /// Proves that it is the owner who asks.
        current_password: String = "securepassword123".to_owned(),
        /// 8 to 128 characters of any kind, where each word that names the service or the user counts as one; not one of
        /// the most common passwords, and neither the e-mail address nor the part of it before the @.
        #[oai(validator(min_length = 8, max_length = 128))]
        new_password: String = "even more secure 456".to_owned(),
    }
}
