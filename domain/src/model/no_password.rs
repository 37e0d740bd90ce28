use super::PasswordHash;

/// A hash of Argon2id whose salt and output are zeros. To find a password with this hash is as hard as to find one for any
/// other, and nobody has hashed one to get it.
const NO_PASSWORD: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Users without a password: they came without one, and get one from an operator.
impl PasswordHash {
    /// The hash of a user who has no password. It is checked like any other, and as slowly, and no password is it.
    #[must_use]
    pub fn no_password() -> Self {
        Self::from_phc(NO_PASSWORD.to_owned())
    }

    /// Whether the user has no password.
    pub fn is_no_password(&self) -> bool {
        self.expose() == NO_PASSWORD
    }
}
