use std::fmt;

/// All errors of the configuration, reported together.
#[derive(Debug)]
pub struct ConfigError {
    /// One entry per error.
    pub invalid: Vec<Invalid>,
}

/// One error of the configuration.
#[derive(Debug)]
pub struct Invalid {
    /// The variable.
    pub variable: String,
    /// Its value, with secrets masked.
    pub got: Option<String>,
    /// What is wrong with the value, or which values are valid.
    pub problem: String,
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the configuration is not valid:")?;
        for invalid in &self.invalid {
            write!(f, "\n  {}", invalid.variable)?;
            if let Some(got) = &invalid.got {
                write!(f, " is {got:?}")?;
            }
            write!(f, ": {}", invalid.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
