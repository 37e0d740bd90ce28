use crate::service::ServiceError;

/// Why a command did not do what it was asked.
#[derive(Debug)]
pub(super) enum Failed {
    /// It could not. Exit code 1.
    Failed(String),
    /// It was asked wrongly. Exit code 2.
    Usage(String),
}

impl Failed {
    pub(super) fn because(error: impl ToString) -> Self {
        Self::Failed(error.to_string())
    }
}

/// How a command ended.
pub(super) type Outcome = Result<(), Failed>;

impl From<ServiceError> for Failed {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Failed(message) => Self::Failed(message),
            ServiceError::Settings(message) => Self::Usage(message),
        }
    }
}
