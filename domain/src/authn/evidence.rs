use super::Assurance;

/// An authentication method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The password of the account.
    Password,
}

/// Something that a user presented and that was verified.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// The correct password.
    Password,
}

/// Returns the assurance that the evidence gives, or the methods of which one is still needed.
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
