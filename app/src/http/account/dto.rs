use inwren_domain::account::User;
use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::check_alone;
use inwren_domain::kernel::Email;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};

object! {
    /// A user, as shown to the user.
    #[oai(rename = "User")]
    pub(in crate::http) UserDto {
        /// The permanent id of the user.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21),
        /// The e-mail address, which is the login name, as the user wrote it.
        email: String = "ann@example.org".to_owned(),
        /// The service tier of the user.
        tier: String = "free".to_owned(),
        /// Whether the user may log in.
        is_active: bool = true,
        /// Whether the user may administer other users.
        is_superuser: bool = false,
        /// When the user registered.
        created_at: OffsetDateTime = EXAMPLE_TIME,
    }
}

impl From<&User> for UserDto {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.as_str().to_owned(),
            tier: user.tier.as_str().to_owned(),
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            created_at: user.created_at,
        }
    }
}

request_body! {
    /// Changes to your profile. Omitted fields keep their values.
    UpdateCurrentUserRequest {
        /// The new e-mail address. Requires a recent login.
        #[oai(nullable, validator(min_length = 3, max_length = 254))]
        email: Option<String> = Some("ann.lee@example.org".to_owned()),
        /// The new tier: one that users may choose themselves, or the current one. Superusers may choose any tier.
        #[oai(nullable)]
        tier: Option<String> = Some("free".to_owned()),
    }
}

request_body! {
    /// The data of a new account.
    RegisterRequest {
        /// The e-mail address, which is the login name: at most 254 bytes, without invisible characters. The service
        /// stores it as given. Two addresses are equal if they differ only in case or in the form of the domain:
        /// domains are compared in their ASCII form (UTS 46).
        #[oai(validator(min_length = 3, max_length = 254))]
        email: String = "ann@example.org".to_owned(),
        /// 8 to 128 characters of any kind. Each word that names the service or the user counts as one character.
        /// Common passwords, the e-mail address and its part before the @ are refused.
        #[oai(validator(min_length = 8, max_length = 128))]
        password: String = "securepassword123".to_owned(),
        /// The tier: one that users may choose themselves. The default is the first of them.
        #[oai(nullable)]
        tier: Option<String> = Some("free".to_owned()),
    }
    // The use case stops at an invalid address. This check returns all errors in one response.
    check(fields) {
        let is_email = email.as_deref().is_none_or(|email| fields.check("email", Email::parse(email)));
        if let (false, Some(password)) = (is_email, &password) {
            fields.check("password", check_alone(&Password::new(password)));
        }
    }
}
