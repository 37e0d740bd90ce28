use inwren_domain::account::User;
use inwren_domain::account::admin::reset_factors::Reason;
use inwren_domain::kernel::{AgeCursor, Email, Page, UserCursor, UserId};
use poem_openapi::Object;
use time::OffsetDateTime;
use uuid::Uuid;

use crate::http::shared::body::{EXAMPLE_REASON, EXAMPLE_TIME, object, request_body};
use crate::http::shared::cursor::CursorText;

object! {
    /// A user, as shown to superusers.
    #[oai(rename = "AdminUser")]
    pub AdminUserDto {
        /// The permanent id of the user.
        id: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e21),
        /// The e-mail address, which is the login name, as the user wrote it.
        email: String = "ann@example.org".to_owned(),
        /// Whether the user proved to control the mailbox of the address.
        email_verified: bool = true,
        /// Whether a mail server refused the address permanently.
        email_undeliverable: bool = false,
        /// The service tier of the user.
        tier: String = "premium".to_owned(),
        /// Whether the user may log in.
        is_active: bool = true,
        /// Whether the user may administer users.
        is_superuser: bool = false,
        /// When the user registered.
        created_at: OffsetDateTime = EXAMPLE_TIME,
        /// When the user was last changed.
        updated_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::days(1),
    }
}

impl From<&User> for AdminUserDto {
    fn from(user: &User) -> Self {
        Self {
            id: user.id.as_uuid(),
            email: user.email.as_str().to_owned(),
            email_verified: user.email_verified_at.is_some(),
            email_undeliverable: user.email_undeliverable_at.is_some(),
            tier: user.tier.as_str().to_owned(),
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            created_at: user.created_at,
            updated_at: user.updated_at,
        }
    }
}

/// Returns the position that a cursor names, or `None` if the text is not a cursor of a list of users.
pub fn user_cursor(text: &str) -> Option<UserCursor> {
    UserCursor::decode(text)
}

/// A page of users: newest first, or ordered by address if the request has an address prefix.
#[derive(Object)]
#[oai(rename = "AdminUserPage", example)]
pub struct AdminUserPage {
    /// The users.
    items: Vec<AdminUserDto>,
    /// The cursor of the next page; `null` on the last page.
    #[oai(nullable)]
    pub next_cursor: Option<String>,
}

impl poem_openapi::types::Example for AdminUserPage {
    fn example() -> Self {
        let user = AdminUserDto::example();
        let age = AgeCursor { created_at: user.created_at, id: UserId::from_uuid(user.id) };
        let next = UserCursor { age, address: user.email.clone() };
        Self { items: vec![user], next_cursor: Some(next.encode()) }
    }
}

impl From<Page<User>> for AdminUserPage {
    fn from(page: Page<User>) -> Self {
        Self {
            items: page.items.iter().map(AdminUserDto::from).collect(),
            next_cursor: page.next.map(|next| next.encode()),
        }
    }
}

object! {
    /// An invitation.
    #[oai(rename = "Invitation")]
    pub(super) InvitationDto {
        /// When the invitation expires.
        pub(super) expires_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::days(7),
        /// The link to hand over. Only where no mail is configured.
        #[oai(skip_serializing_if_is_none)]
        pub(super) link: Option<String> = Some("https://auth.example.org/account/invite?t=q83vEjRWeJA".to_owned()),
    }
}

/// Another id than that of the user in examples.
const INVITED: Uuid = Uuid::from_u128(0x0199_3b1e_7a5c_7f3a_9d2e_6c1b_0a4f_8e27);

object! {
    /// An invited user.
    #[oai(rename = "InvitedUser")]
    pub(super) InvitedUserDto {
        /// The user. The password is set when the user accepts the invitation.
        pub(super) user: AdminUserDto = AdminUserDto { id: INVITED, ..AdminUserDto::example() },
        /// The invitation.
        pub(super) invitation: InvitationDto = InvitationDto::example(),
    }
}

object! {
    /// A link that sets a new password.
    #[oai(rename = "PasswordResetLink")]
    pub(super) ResetLinkDto {
        /// The link to hand over to the user.
        pub(super) link: String = "https://auth.example.org/account/reset?t=q83vEjRWeJA".to_owned(),
        /// When the link expires.
        pub(super) expires_at: OffsetDateTime = EXAMPLE_TIME + time::Duration::minutes(30),
    }
}

request_body! {
    /// The user to invite.
    InviteUserRequest {
        /// The e-mail address.
        #[oai(validator(min_length = 3, max_length = 254))]
        email: String = "ann@example.org".to_owned(),
        /// The tier: any tier of this service. The default is the first that users may choose themselves.
        #[oai(nullable)]
        tier: Option<String> = Some("premium".to_owned()),
        /// Whether the user may administer users. Requires a recent login.
        #[oai(nullable)]
        is_superuser: Option<bool> = Some(false),
    }
    check(fields) {
        if let Some(email) = &email {
            fields.check("email", Email::parse(email));
        }
    }
}

request_body! {
    /// Changes to a user. Omitted fields keep their values.
    AdminUpdateUserRequest {
        /// The new e-mail address.
        #[oai(nullable, validator(min_length = 3, max_length = 254))]
        email: Option<String> = Some("ann.lee@example.org".to_owned()),
        /// The new tier: any tier of this service.
        #[oai(nullable)]
        tier: Option<String> = Some("premium".to_owned()),
        /// Whether the user may log in. Deactivating a user revokes all sessions of that user immediately.
        #[oai(nullable)]
        is_active: Option<bool> = Some(true),
        /// Whether the user may administer users. Demoting a user revokes all sessions of that user immediately.
        #[oai(nullable)]
        is_superuser: Option<bool> = Some(false),
    }
}

request_body! {
    /// Why the second factors are removed.
    ResetUserFactorsRequest {
        /// The reason, for the audit trail: 1 to 500 characters.
        #[oai(validator(min_length = 1, max_length = 500))]
        reason: String = EXAMPLE_REASON.to_owned(),
    }
    check(fields) {
        if let Some(reason) = &reason {
            fields.check("reason", reason_of(reason));
        }
    }
}

/// Reads the reason. The error is a sentence.
pub(super) fn reason_of(text: &str) -> Result<Reason, String> {
    Reason::parse(text).map_err(|invalid| format!("Field `reason` {invalid}"))
}
