use crate::service::ServiceError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The operation failed. Exit code 1.
    Failed(String),
    /// The arguments or settings are invalid. Exit code 2.
    Usage(String),
}

impl Failed {
    pub(super) fn because(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

/// The result of a command.
pub(super) type Outcome = Result<(), Failed>;

impl From<ServiceError> for Failed {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Failed(message) => Self::Failed(message),
            ServiceError::Settings(message) => Self::Usage(message),
        }
    }
}
