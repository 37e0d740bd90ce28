use poem::http::StatusCode;

/// A field whose value is wrong.
#[derive(Clone, Copy)]
pub(super) struct WrongField {
    /// The name of the field.
    pub(super) field: &'static str,
    /// The name of its text in the section `page.field`.
    pub(super) text: &'static str,
    /// The status of the page with the form.
    pub(super) status: StatusCode,
    /// How many wrong codes may follow.
    pub(super) attempts_left: i16,
    /// Whether the form asks for a code of a second factor.
    pub(super) asks_code: bool,
}

impl WrongField {
    /// The address is invalid.
    pub(super) const EMAIL: Self = Self::new("email", "email", StatusCode::UNPROCESSABLE_ENTITY);
    /// There is no password.
    pub(super) const PASSWORD_REQUIRED: Self = Self::weak_password("required");
    /// The password is not that of the account. Not 422: a guess is no malformed request, whose allowance is given
    /// back.
    pub(super) const WRONG_PASSWORD: Self = Self::new("password", "wrong_password", StatusCode::FORBIDDEN);
    /// There is no code, and the account has a second factor. Not 422: the service has stored a challenge.
    pub(super) const CODE_REQUIRED: Self = Self::code("code_required", StatusCode::FORBIDDEN);
    /// The code is malformed.
    pub(super) const INVALID_CODE: Self = Self::code("invalid_code", StatusCode::UNPROCESSABLE_ENTITY);

    /// The new password is refused.
    pub(super) const fn weak_password(text: &'static str) -> Self {
        Self::new("password", text, StatusCode::UNPROCESSABLE_ENTITY)
    }

    /// The code is wrong. Not 422, like a wrong password.
    pub(super) const fn wrong_code(attempts_left: i16) -> Self {
        Self { attempts_left, ..Self::code("wrong_code", StatusCode::FORBIDDEN) }
    }

    /// The same error in a form that asks for a code, if `asks_code`.
    pub(super) const fn and_code(self, asks_code: bool) -> Self {
        Self { asks_code: self.asks_code || asks_code, ..self }
    }

    const fn code(text: &'static str, status: StatusCode) -> Self {
        Self::new("code", text, status).and_code(true)
    }

    const fn new(field: &'static str, text: &'static str, status: StatusCode) -> Self {
        Self { field, text, status, attempts_left: 0, asks_code: false }
    }

    /// One for each text of the section `page.field`.
    pub(super) const ALL: [Self; 11] = [
        Self::PASSWORD_REQUIRED,
        Self::weak_password("too_short"),
        Self::weak_password("too_long"),
        Self::weak_password("common"),
        Self::weak_password("same_as_email"),
        Self::weak_password("context_words"),
        Self::WRONG_PASSWORD,
        Self::EMAIL,
        Self::CODE_REQUIRED,
        Self::INVALID_CODE,
        Self::wrong_code(19),
    ];
}
