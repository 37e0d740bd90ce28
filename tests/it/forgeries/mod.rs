//! Tokens that nobody may get in with, each of them wrong in one way.
//!
//! Most are signed with the service's own key, so that each is refused for what is wrong with it and not for its
//! signature. With the stories that try them on every operation they hold the service to RFC 8725, section by section:
//!
//! | Section of RFC 8725 | What is tried |
//! |---|---|
//! | 3.1 Perform algorithm verification | [`algorithms`]: `none`, HMAC with what everybody knows, true signatures of other algorithms |
//! | 3.2 Use appropriate algorithms | [`algorithms`]; another `ALGORITHM` stops the start (`process::configuration::settings`) |
//! | 3.3 Validate all cryptographic operations | [`signatures`]: none, changed, cut off, of a stranger; [`shapes`]: five parts, nested tokens |
//! | 3.4 Validate cryptographic inputs | keys of another kind or size, damaged or not matching stop the start (`process::tokens::key_files`) |
//! | 3.5 Ensure cryptographic keys have sufficient entropy | a short key stops the start (`process::tokens::key_files`); keys are made by the library alone |
//! | 3.6 Avoid compression of encryption inputs | nothing is encrypted; [`headers`]: `zip` and `enc` |
//! | 3.7 Use UTF-8 | [`encodings`]: other encodings of the header and the claims, bytes that are none |
//! | 3.8 Validate issuer and subject | [`claims`]: `iss`, `sub`; `http::ended_tokens`: users and sessions of others |
//! | 3.9 Use and validate audience | [`claims`]: `aud` |
//! | 3.10 Do not trust received claims | [`keys`]: `kid`, `jwk`, `jku`, `x5u`, `x5c`; `http::ended_tokens`: rights are those of the store |
//! | 3.11 Use explicit typing | [`headers`]: `typ` |
//! | 3.12 Use mutually exclusive validation rules | [`classes`]; `http::clients`: a service client's token is no user's |

mod algorithms;
mod claims;
mod classes;
mod encodings;
mod headers;
mod keys;
pub(crate) mod old_service;
mod shapes;
mod signatures;
mod times;

use std::sync::OnceLock;

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::app::forge::{Algorithm, Forger, open};
use serde_json::Value;

/// A token, and what is wrong with it.
pub(crate) struct Forgery {
    pub(crate) what: String,
    pub(crate) token: String,
}

impl Forgery {
    fn new(what: impl Into<String>, token: String) -> Self {
        Self { what: what.into(), token }
    }

    /// Whether it can stand in a header, where spaces before it are not of it. The others are for bodies.
    pub(crate) fn fits_a_header(&self) -> bool {
        !self.token.starts_with(' ')
            && self.token.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
    }
}

/// A good token taken apart, and what it takes to make bad ones of it.
pub(crate) struct Original {
    token: String,
    header: Value,
    claims: Value,
    /// A good token of the other class, of the same session.
    other_class: String,
    /// The time by the service's clock.
    now: i64,
    /// The service's own key.
    ours: Forger,
    public_pem: String,
    kid: String,
}

impl Original {
    pub(crate) fn new(key: &KeyPair, token: &str, other_class: &str, now: i64) -> Self {
        let (header, claims) = open(token);
        Self {
            token: token.to_owned(),
            header,
            claims,
            other_class: other_class.to_owned(),
            now,
            ours: Forger::with(key),
            public_pem: key.public().to_pem().expect("a public key in PEM"),
            kid: key.public().id().to_owned(),
        }
    }

    /// All that can be wrong with a token.
    pub(crate) fn forgeries(&self) -> Vec<Forgery> {
        let tables = [
            algorithms::all,
            keys::all,
            headers::all,
            claims::all,
            times::all,
            classes::all,
            encodings::all,
            signatures::all,
            shapes::all,
        ];
        tables.iter().flat_map(|table| table(self)).collect()
    }

    /// The good token, signed again: the forger's tools are right.
    pub(crate) fn copy(&self) -> String {
        self.signed(&self.header, &self.claims)
    }

    /// The token with another claim, signed with the service's own key.
    pub(crate) fn with_claim(&self, name: &str, value: Value) -> String {
        self.signed(&self.header, &with(&self.claims, name, value))
    }

    /// Signed with the service's own key, as it signs itself.
    fn signed(&self, header: &Value, claims: &Value) -> String {
        self.signed_text(header.to_string(), claims.to_string())
    }

    fn signed_text(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.ours.sign(Algorithm::Rs256, header, claims)
    }

    /// Signed with a stranger's key.
    fn foreign(&self, header: &Value, claims: &Value) -> String {
        stranger().sign(Algorithm::Rs256, header.to_string(), claims.to_string())
    }

    /// The three parts of the good token.
    fn parts(&self) -> [&str; 3] {
        let parts: Vec<&str> = self.token.split('.').collect();
        parts.try_into().expect("three parts")
    }
}

/// A token that would be good if it were signed with the service's key.
pub(crate) fn foreign(good: &str) -> String {
    let (header, claims) = open(good);
    stranger().sign(Algorithm::Rs256, header.to_string(), claims.to_string())
}

fn stranger() -> &'static Forger {
    static STRANGER: OnceLock<Forger> = OnceLock::new();
    STRANGER.get_or_init(|| Forger::with(&KeyPair::generate(2048).expect("a new key")))
}

fn with(object: &Value, name: &str, value: Value) -> Value {
    let mut changed = object.clone();
    changed[name] = value;
    changed
}

fn without(object: &Value, name: &str) -> Value {
    let mut changed = object.clone();
    changed.as_object_mut().expect("an object").remove(name);
    changed
}

/// The object's text with one name twice, in both orders: some readers take the first, some the last.
fn twice(object: &Value, name: &str, other: &Value) -> [String; 2] {
    let text = object.to_string();
    let first = text.replacen('{', &format!(r#"{{"{name}":{other},"#), 1);
    let last = format!(r#"{},"{name}":{other}}}"#, text.trim_end_matches('}'));
    [first, last]
}
