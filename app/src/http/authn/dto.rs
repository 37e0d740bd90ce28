use crate::http::session::TokenDto;
use crate::http::shared::body::{EXAMPLE_SECRET, object, request_body};
use crate::http::shared::passkeys::AssertionDto;
use crate::http::shared::second_factor::is_secret;

request_body! {
    /// The credentials of a user.
    LoginRequest {
        /// The e-mail address.
        email: String = "ann@example.org".to_owned(),
        /// The password.
        password: String = "securepassword123".to_owned(),
        /// The token of a trusted device, which leaves out the second factor. A wrong one is ignored.
        #[oai(nullable, validator(min_length = 1, max_length = 100))]
        device_token: Option<String> = Some(EXAMPLE_SECRET.to_owned()),
    }
    check(fields) {
        if let Some(Some(token)) = &device_token
            && !is_secret(token)
        {
            fields.refuse("device_token", "Field `device_token` must have 1 to 100 characters");
        }
    }
}

request_body! {
    /// The second factor of a login.
    FactorLoginRequest {
        /// The `challenge` of the first step.
        #[oai(validator(min_length = 1, max_length = 100))]
        challenge: String = EXAMPLE_SECRET.to_owned(),
        /// The method: one of `methods` of the first step.
        #[oai(validator(pattern = "^(totp|recovery_code|passkey)$"))]
        method: String = "totp".to_owned(),
        /// The code, for `totp` and `recovery_code`. Spaces, dashes and case do not count.
        #[oai(
            nullable,
            validator(max_length = 64, pattern = "^[ -]*(?:[0-9][ -]*){6}$|^[ -]*(?:[A-Za-z2-7][ -]*){24}$")
        )]
        code: Option<String> = Some("492039".to_owned()),
        /// The answer of the passkey, for `passkey`.
        #[oai(skip_serializing_if_is_none)]
        credential: Option<AssertionDto> = None,
        /// Whether the device is trusted from now on: it may leave out the second factor for some days. Ignored if the
        /// operator has disabled trusted devices.
        #[oai(nullable)]
        remember_device: Option<bool> = Some(true),
    }
    check(fields) {
        if challenge.as_ref().is_some_and(|challenge| !is_secret(challenge)) {
            fields.refuse("challenge", "Field `challenge` must have 1 to 100 characters");
        }
    }
}

object! {
    /// The tokens of a login with a second factor.
    #[oai(rename = "LoginToken")]
    pub(super) LoginTokenDto {
        /// The tokens.
        #[oai(flatten)]
        pub(super) tokens: TokenDto = TokenDto::example(),
        /// The token of the device, for later logins: it leaves out the second factor. Absent if the device is not
        /// trusted.
        #[oai(skip_serializing_if_is_none)]
        pub(super) device_token: Option<String> = Some(EXAMPLE_SECRET.to_owned()),
    }
}

request_body! {
    /// A passkey that answers the options of a login.
    PasskeyLoginRequest {
        /// The answer of the passkey.
        credential: AssertionDto = AssertionDto::example_of_field(),
    }
}

request_body! {
    /// What proves the user again: the password, a second factor, or both.
    StepUpRequest {
        /// The password.
        #[oai(nullable)]
        password: Option<String> = Some("securepassword123".to_owned()),
        /// The method of the second factor.
        #[oai(nullable, validator(pattern = "^(totp|recovery_code|passkey)$"))]
        method: Option<String> = Some("totp".to_owned()),
        /// The code, for `totp` and `recovery_code`. Spaces, dashes and case do not count.
        #[oai(
            nullable,
            validator(max_length = 64, pattern = "^[ -]*(?:[0-9][ -]*){6}$|^[ -]*(?:[A-Za-z2-7][ -]*){24}$")
        )]
        code: Option<String> = Some("492039".to_owned()),
        /// The answer of the passkey, for `passkey`.
        #[oai(skip_serializing_if_is_none)]
        credential: Option<AssertionDto> = None,
    }
    check(fields) {
        if let (Some(password), Some(method), Some(code), Some(credential)) =
            (&password, &method, &code, &credential)
        {
            if method.is_none() && (code.is_some() || credential.is_some()) {
                fields.refuse("method", "Field `method` is required");
            } else if method.is_none() && password.is_none() {
                fields.refuse("", "Send `password`, `method`, or both");
            }
        }
    }
}
