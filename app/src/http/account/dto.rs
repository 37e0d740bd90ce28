use inwren_domain::account::User;
use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::check_alone;
use inwren_domain::kernel::Email;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};

object! {
    /// A user, as the user sees it.
    #[oai(rename = "User")]
    pub(in crate::http) UserDto {
        /// Names the user for ever.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21),
        /// The login name, as it was given.
        email: String = "ann@example.org".to_owned(),
        /// The service tier.
        tier: String = "free".to_owned(),
        /// Whether the user may log in.
        is_active: bool = true,
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
            created_at: user.created_at,
        }
    }
}

request_body! {
    /// What is to change of the own account. What is left out stays.
    UpdateUserRequest {
        /// The new login name. Needs a recent login.
        #[oai(nullable, validator(min_length = 3, max_length = 254))]
        email: Option<String> = Some("ann.lee@example.org".to_owned()),
        /// The new tier, from those that users may choose themselves; superusers may choose any.
        #[oai(nullable)]
        tier: Option<String> = Some("free".to_owned()),
    }
}

request_body! {
    /// Somebody wants an account.
    RegisterRequest {
        /// The login name: an e-mail address of at most 254 bytes, without invisible characters. It is stored as given.
        /// Two addresses are the same if they differ only in case, or in the form of the domain: domains are compared in
        /// their ASCII form (UTS 46).
        #[oai(validator(min_length = 3, max_length = 254))]
        email: String = "ann@example.org".to_owned(),
        /// 8 to 128 characters of any kind, where each word that names the service or the user counts as one; not one of
        /// the most common passwords, and neither the e-mail address nor the part of it before the @.
        #[oai(validator(min_length = 8, max_length = 128))]
        password: String = "securepassword123".to_owned(),
        /// The tier, from those that users may choose themselves. Left out: the first of them.
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
