use crate::service::ServiceError;

/// Why a command failed.
#[derive(Debug)]
pub(super) enum Failed {
    /// The operation failed. Exit code 1.
    Reason(String),
    /// The arguments or settings are invalid. Exit code 2.
    Usage(String),
    /// A dry run found differences, and has printed them. Exit code 3.
    Drift,
}

impl Failed {
    pub(super) fn because(error: impl ToString) -> Self {
        Self::Reason(error.to_string())
    }
}

/// The result of a command.
pub(super) type Outcome = Result<(), Failed>;

impl From<ServiceError> for Failed {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Failed(message) => Self::Reason(message),
            ServiceError::Settings(message) => Self::Usage(message),
        }
    }
}
