use std::fmt;

/// The scope of an access token: a set of names (RFC 6749 section 3.3), in the order in which they were requested.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Scope(String);

/// The text is not a valid scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a scope has names of printable ASCII characters without `\"` and `\\`, separated by single spaces")]
pub struct InvalidScope;

impl Scope {
    /// The scope of OpenID Connect requests.
    pub const OPENID: &str = "openid";
    /// The scope of the claims about the profile (OpenID Connect Core section 5.4).
    pub const PROFILE: &str = "profile";
    /// The scope of the claims about the e-mail address (OpenID Connect Core section 5.4).
    pub const EMAIL: &str = "email";
    /// The scope of refresh tokens that outlive the browser session (OpenID Connect Core section 11).
    pub const OFFLINE_ACCESS: &str = "offline_access";
    /// The longest scope, in bytes.
    const MAX_BYTES: usize = 1_000;

    /// Parses a scope. Repeated names are removed.
    pub fn parse(text: &str) -> Result<Self, InvalidScope> {
        let is_allowed = |byte: u8| matches!(byte, 0x21 | 0x23..=0x5b | 0x5d..=0x7e);
        if text.is_empty() {
            return Ok(Self::default());
        }
        let is_name = |name: &str| !name.is_empty() && name.bytes().all(is_allowed);
        if text.len() > Self::MAX_BYTES || !text.split(' ').all(is_name) {
            return Err(InvalidScope);
        }
        Ok(Self::of(text.split(' ')))
    }

    /// Creates a scope of valid names.
    fn of<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut unique: Vec<&str> = Vec::new();
        for name in names {
            if !unique.contains(&name) {
                unique.push(name);
            }
        }
        Self(unique.join(" "))
    }

    /// Wraps a scope from a verified token or from the store.
    pub fn from_stored(names: String) -> Self {
        Self(names)
    }

    /// The names, separated by spaces.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.split_ascii_whitespace()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the name is in the scope.
    pub fn contains(&self, name: &str) -> bool {
        self.names().any(|one| one == name)
    }

    /// Whether all names are in the other scope.
    pub fn is_within(&self, other: &Self) -> bool {
        self.names().all(|name| other.contains(name))
    }

    /// The names of both scopes.
    #[must_use]
    pub fn and(&self, other: &Self) -> Self {
        Self::of(self.names().chain(other.names()))
    }

    /// The scope without this name.
    #[must_use]
    pub fn without_name(&self, name: &str) -> Self {
        Self::of(self.names().filter(|one| *one != name))
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(text: &str) -> Scope {
        Scope::parse(text).unwrap()
    }

    #[test]
    fn scopes_are_sets_in_request_order() {
        assert_eq!(scope("openid email openid").as_str(), "openid email");
        assert!(scope("").is_empty() && scope("").is_within(&scope("")));
        assert!(scope("email").is_within(&scope("openid email")));
        assert!(!scope("mail").is_within(&scope("openid email")));
        assert_eq!(scope("openid").and(&scope("email openid")).as_str(), "openid email");
        assert_eq!(scope("openid a b").without_name("a").as_str(), "openid b");
    }

    #[test]
    fn malformed_scopes_are_refused() {
        for text in [" ", "a  b", " a", "a ", "a\tb", "a\"", "a\\b", "ä", "a\n"] {
            assert_eq!(Scope::parse(text), Err(InvalidScope), "{text:?}");
        }
        assert_eq!(Scope::parse(&"a ".repeat(600)), Err(InvalidScope));
    }
}
