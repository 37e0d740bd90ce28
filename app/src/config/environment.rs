//! The environment: development or production.

/// What kind of place this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Environment {
    /// Missing keys are made.
    Development,
    /// Nothing is made up.
    Production,
}
