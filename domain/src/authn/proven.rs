use super::evidence::assess;
use super::{Assurance, Evidence};
use crate::account::User;
use crate::credential::PasswordHash;

/// A user who has authenticated. Sessions start from nothing else, and only verified evidence makes one.
#[derive(Debug)]
pub struct Proven {
    user: User,
    assurance: Assurance,
    rehashed: Option<PasswordHash>,
}

impl Proven {
    /// Judges the evidence. `None` if it does not suffice for this user: a user with a second factor must show one, or
    /// be on a trusted device.
    pub(super) fn by(user: &User, evidence: &[Evidence]) -> Option<Self> {
        let is_complete = !user.has_factor() || evidence.iter().any(|one| one.is_second_step());
        let assurance = assess(evidence).filter(|_| is_complete)?;
        Some(Self { user: user.clone(), assurance, rehashed: None })
    }

    /// Adds a new hash of the same password, if the stored hash uses outdated parameters.
    pub(super) fn with_rehashed(self, rehashed: Option<PasswordHash>) -> Self {
        Self { rehashed, ..self }
    }

    /// The user, as read when the attempt started.
    pub fn user(&self) -> &User {
        &self.user
    }

    /// How the user authenticated.
    pub fn assurance(&self) -> &Assurance {
        &self.assurance
    }

    /// A new hash of the same password, if the stored hash uses outdated parameters.
    pub(crate) fn into_rehashed(self) -> Option<PasswordHash> {
        self.rehashed
    }
}
