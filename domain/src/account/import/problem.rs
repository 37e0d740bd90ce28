use crate::account::superuser::LastSuperuser;
use crate::credential::HashScheme;
use crate::kernel::{InvalidEmail, UserId};

/// Why somebody was not brought in, or not as they came. No message has an address, a password or a hash in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// What was read says nothing of a user.
    #[error("{0}")]
    Unreadable(String),
    /// There is no id, or it is no UUID and no number.
    #[error("the id is neither a UUID nor a number")]
    Id,
    /// There is no address, or it is none.
    #[error("{0}")]
    Email(#[from] InvalidEmail),
    /// The tier is not among the configured ones.
    #[error("there is no tier {0:?}")]
    Tier(String),
    /// No password could be checked against the hash.
    #[error("the password hash ({0}) is of a form or a cost that is not accepted")]
    Hash(HashScheme),
    /// A number or a time is one that the service could not go on with.
    #[error("the value of {0} is out of range")]
    OutOfRange(&'static str),
    /// The id came before.
    #[error("the same id came before")]
    RepeatedId,
    /// The address came before.
    #[error("the same address came before, perhaps in other letters")]
    RepeatedEmail,
    /// Others have the same address, in other letters, and none of them is taken.
    #[error("the same address, perhaps in other letters, has also {}", .0.join(", "))]
    CaseConflict(Vec<String>),
    /// Somebody else is here with this address.
    #[error("the user {0} has this address")]
    EmailTaken(UserId),
    /// Somebody else is here with this address, which they write in other letters.
    #[error("the user {0} has this address, in other letters")]
    EmailTakenInOtherLetters(UserId),
    /// The user is here, and not the same in all.
    #[error("the user is here already, with another {}", .0.join(", "))]
    Differs(Vec<&'static str>),
    /// Nobody would be left to administer.
    #[error("{0}")]
    LastSuperuser(#[from] LastSuperuser),
    /// Somebody took the id or the address at the same moment.
    #[error("somebody took the id or the address at the same moment; try again")]
    Overtaken,
}

impl Problem {
    /// What kind of problem it is, in a word that stays the same.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::Id => "invalid-id",
            Self::Email(_) => "invalid-email",
            Self::Tier(_) => "unknown-tier",
            Self::Hash(_) => "unknown-hash",
            Self::OutOfRange(_) => "out-of-range",
            Self::RepeatedId => "repeated-id",
            Self::RepeatedEmail => "repeated-email",
            Self::CaseConflict(_) => "case-conflict",
            Self::EmailTaken(_) => "email-taken",
            Self::EmailTakenInOtherLetters(_) => "email-taken-in-other-letters",
            Self::Differs(_) => "differs",
            Self::LastSuperuser(_) => "last-superuser",
            Self::Overtaken => "overtaken",
        }
    }
}
