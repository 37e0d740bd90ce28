use std::fmt;

/// Everything that is wrong with the configuration, told at once.
#[derive(Debug)]
pub struct ConfigError {
    /// One entry for each thing that is wrong.
    pub invalid: Vec<Invalid>,
}

/// One thing that is wrong with the configuration.
#[derive(Debug)]
pub struct Invalid {
    /// The variable.
    pub variable: String,
    /// What it has; secrets masked.
    pub got: Option<String>,
    /// What is wrong with that, or what it takes.
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
