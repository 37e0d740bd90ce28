use std::borrow::Cow;
use std::fmt;

/// How strongly a user authenticated: the `acr` claim (OpenID Connect Core section 2; RFC 9470). The levels are
/// ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Acr {
    /// One factor (NIST SP 800-63B, AAL1).
    Aal1,
    /// Two different factors (NIST SP 800-63B, AAL2).
    Aal2,
    /// A phishing-resistant factor (OpenID Connect EAP ACR Values).
    Phr,
}

impl Acr {
    /// All levels, weakest first.
    pub const ALL: [Self; 3] = [Self::Aal1, Self::Aal2, Self::Phr];

    /// The claim's value.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aal1 => "aal1",
            Self::Aal2 => "aal2",
            Self::Phr => "phr",
        }
    }

    /// Parses a claim value. Returns `None` for an unknown one.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|acr| acr.as_str() == name)
    }
}

impl fmt::Display for Acr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The authentication methods: the `amr` claim, as names of RFC 8176 separated by spaces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amr(Cow<'static, str>);

impl Amr {
    /// A password.
    pub const PASSWORD: Self = Self(Cow::Borrowed("pwd"));

    /// Wraps names from a verified token or from the store.
    pub fn from_stored(names: &str) -> Self {
        // Nearly every session has this value, which needs no allocation.
        if names == Self::PASSWORD.as_str() { Self::PASSWORD } else { Self(Cow::Owned(names.to_owned())) }
    }

    /// The names, separated by spaces, for the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a password is among the methods.
    pub fn has_password(&self) -> bool {
        self.names().any(|name| name == "pwd")
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }
}

/// How a user authenticated, and how strongly. It is derived from evidence; a session and its tokens keep it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assurance {
    /// How strongly the user authenticated.
    pub acr: Acr,
    /// The methods that the user used.
    pub amr: Amr,
}

impl Assurance {
    /// The assurance of a password alone.
    pub const PASSWORD: Self = Self { acr: Acr::Aal1, amr: Amr::PASSWORD };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_ordered_and_read_back() {
        assert!(Acr::Aal1 < Acr::Aal2 && Acr::Aal2 < Acr::Phr);
        for acr in Acr::ALL {
            assert_eq!(Acr::from_name(acr.as_str()), Some(acr));
        }
        assert_eq!(Acr::from_name("AAL1"), None);
    }

    #[test]
    fn methods_are_read_back() {
        assert_eq!(Amr::from_stored("pwd"), Amr::PASSWORD);
        let two = Amr::from_stored("pwd otp");
        assert_eq!(two.names().collect::<Vec<_>>(), ["pwd", "otp"]);
        assert_eq!(Amr::from_stored(two.as_str()), two);
    }
}
