use inwren_domain::account::User;
use inwren_domain::account::recover::Proof;
use inwren_domain::authn::Answer;
use inwren_domain::credential::Password;
use inwren_domain::credential::password_policy::check_alone;
use inwren_domain::kernel::{Email, PlainToken};
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_TIME, object, request_body};
use crate::http::shared::passkeys::AssertionDto;
use crate::http::shared::problem::Problem;
use crate::http::shared::second_factor::{FactorFields, is_secret};

object! {
    /// A user, as shown to the user.
    #[oai(rename = "User")]
    pub(in crate::http) UserDto {
        /// The permanent id of the user.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21),
        /// The e-mail address, which is the login name, as the user wrote it.
        email: String = "ann@example.org".to_owned(),
        /// Whether the user proved to control the mailbox of the address.
        email_verified: bool = true,
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
            email_verified: user.email_verified_at.is_some(),
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

object! {
    /// A registration whose mailbox is not proven.
    #[oai(rename = "PendingRegistration")]
    pub(super) PendingRegistrationDto {
        /// Identifies the registration: send it with the code from the letter.
        pub(super) verification_id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e25),
        /// How many seconds the code is valid.
        pub(super) expires_in: i64 = 600,
    }
}

object! {
    /// A change of address that the new address has to confirm.
    #[oai(rename = "PendingEmailChange")]
    pub(super) PendingEmailChangeDto {
        /// The new address.
        pub(super) pending_email: String = "ann.lee@example.org".to_owned(),
    }
}

request_body! {
    /// The proof of a mailbox: `verification_id` and `code`, or `token`.
    VerifyEmailRequest {
        /// The id that the registration returned.
        #[oai(nullable)]
        verification_id: Option<Uuid> = Some(Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e25)),
        /// The 8 digits in the letter.
        #[oai(nullable, validator(pattern = "^[0-9]{8}$"))]
        code: Option<String> = Some("20417063".to_owned()),
        /// The token in the link of the letter.
        #[oai(nullable, validator(max_length = 200))]
        token: Option<String> = None,
        /// With `token`: the password of the account. For a new account it is chosen here.
        #[oai(nullable, validator(max_length = 128))]
        password: Option<String> = None,
    }
    check(fields) {
        let is_code = |code: &String| code.len() == 8 && code.bytes().all(|digit| digit.is_ascii_digit());
        if code.as_ref().is_some_and(|code| code.as_ref().is_some_and(|code| !is_code(code))) {
            fields.refuse("code", "the code has 8 digits");
        }
        if let (Some(id), Some(code), Some(token)) = (&verification_id, &code, &token)
            && (id.is_some() != code.is_some() || id.is_some() == token.is_some())
        {
            fields.refuse("", "send either `verification_id` and `code`, or `token`");
        }
    }
}

request_body! {
    /// The address of an account.
    EmailRequest {
        /// The e-mail address.
        #[oai(validator(min_length = 3, max_length = 254))]
        email: String = "ann@example.org".to_owned(),
    }
}

request_body! {
    /// The address of an account. Callers with an access token omit it.
    ResendVerificationRequest {
        /// The e-mail address.
        #[oai(nullable, validator(min_length = 3, max_length = 254))]
        email: Option<String> = Some("ann@example.org".to_owned()),
    }
}

request_body! {
    /// A new password, with the link that permits it.
    ResetPasswordRequest {
        /// The token in the link of the letter.
        #[oai(validator(max_length = 200))]
        token: String = "q83vEjRWeJA".to_owned(),
        /// The new password: see the registration.
        #[oai(validator(min_length = 8, max_length = 128))]
        new_password: String = "a new secure password".to_owned(),
        /// The second factor, of an account that has one.
        #[oai(skip_serializing_if_is_none)]
        factor: Option<FactorProof> = None,
    }
}

request_body! {
    /// A second factor, shown with a link.
    FactorProof {
        /// The method.
        #[oai(validator(pattern = "^(totp|recovery_code|passkey)$"))]
        method: String = "totp".to_owned(),
        /// The code, for `totp` and `recovery_code`. Spaces, dashes and case do not count.
        #[oai(
            nullable,
            validator(max_length = 64, pattern = "^[ -]*(?:[0-9][ -]*){6}$|^[ -]*(?:[A-Za-z2-7][ -]*){24}$")
        )]
        code: Option<String> = Some("492039".to_owned()),
        /// The `challenge` of the first answer, for `passkey`.
        #[oai(skip_serializing_if_is_none, validator(min_length = 1, max_length = 100))]
        challenge: Option<String> = None,
        /// The answer of the passkey, for `passkey`.
        #[oai(skip_serializing_if_is_none)]
        credential: Option<AssertionDto> = None,
    }
    check(fields) {
        if let Some(Some(challenge)) = &challenge
            && !is_secret(challenge)
        {
            fields.refuse("challenge", "Field `challenge` must have 1 to 100 characters");
        }
    }
}

impl FactorProof {
    /// Reads the second factor of the request.
    pub(super) fn into_proof(self) -> Result<Proof, Problem> {
        let Self { method, code, challenge, credential } = self;
        let answer = FactorFields { method, code, credential }.answer("/factor")?;
        match (&answer, challenge) {
            (Answer::Passkey(_), None) => {
                Err(Problem::invalid("/factor/challenge", "Field `challenge` is required"))
            }
            (_, challenge) => Ok(Proof { answer, challenge: challenge.map(PlainToken::new) }),
        }
    }
}

request_body! {
    /// The credentials of a user who has lost all second factors.
    LostFactorRequest {
        /// The e-mail address.
        email: String = "ann@example.org".to_owned(),
        /// The password.
        password: String = "securepassword123".to_owned(),
    }
}

request_body! {
    /// The link of a letter.
    ActionTokenRequest {
        /// The token in the link of the letter.
        #[oai(validator(max_length = 200))]
        token: String = "q83vEjRWeJA".to_owned(),
    }
}

request_body! {
    /// The first password of an invited user.
    AcceptInvitationRequest {
        /// The token in the link of the letter.
        #[oai(validator(max_length = 200))]
        token: String = "q83vEjRWeJA".to_owned(),
        /// The password: see the registration.
        #[oai(validator(min_length = 8, max_length = 128))]
        password: String = "securepassword123".to_owned(),
    }
}
