use super::Assurance;

/// A way to prove who one is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The password of the account.
    Password,
}

/// Something that a user has shown and that was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The right password.
    Password,
}

/// What the evidence is worth, or the methods of which one is needed more.
pub(super) fn assess(evidence: &[Evidence]) -> Result<Assurance, &'static [Method]> {
    if evidence.contains(&Evidence::Password) { Ok(Assurance::PASSWORD) } else { Err(&[Method::Password]) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_worth_one_factor() {
        assert_eq!(assess(&[Evidence::Password]), Ok(Assurance::PASSWORD));
    }

    #[test]
    fn without_evidence_a_password_is_needed() {
        assert_eq!(assess(&[]), Err([Method::Password].as_slice()));
    }
}
