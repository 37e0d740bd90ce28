use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use inwren_domain::kernel::TokenDigest;
use inwren_domain::token::KeyDirectory;
use serde::{Deserialize, Serialize};
use time::{Duration, OffsetDateTime};

use super::paths;
use crate::http::shared::problem::Problem;

/// How long an interaction is valid.
const LIFETIME: Duration = Duration::minutes(30);

/// What a signed field is for. A field for one purpose is invalid for every other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum SealFor {
    /// The pages of an authorization request, or the login for the account pages.
    Interaction,
    /// The confirmation of a logout.
    Logout,
    /// A form of an account page.
    Form,
}

impl SealFor {
    fn purpose(self) -> &'static str {
        match self {
            Self::Interaction => "interaction of the provider pages",
            Self::Logout => "logout confirmation of the provider pages",
            Self::Form => "form token of the account pages",
        }
    }
}

/// What a browser is doing here. It is in a signed field of each form, which only the browser with the right cookie can
/// submit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::http) struct Interaction {
    /// The parameters of the request; `None` for a login that leads to the account pages.
    #[serde(rename = "p")]
    pub(in crate::http) parameters: Option<Vec<(String, String)>>,
    /// When it started, in microseconds: the precision of the clock.
    #[serde(rename = "t")]
    started_at: i64,
    /// Whether the user chose the account of the browser session.
    #[serde(rename = "c")]
    pub(in crate::http) has_chosen_account: bool,
    /// What the page asks, and which user. An answer by another user does not count.
    #[serde(rename = "u")]
    pub(in crate::http) asked: Option<String>,
    /// The question of the second step of a login, to show it again.
    #[serde(rename = "q")]
    pub(in crate::http) question: Option<Question>,
    /// Where an interaction without a request leads.
    #[serde(rename = "d", default)]
    pub(in crate::http) destination: Destination,
}

/// How the user can prove the session again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::http) struct Question {
    /// Whether a code can be entered.
    pub(in crate::http) takes_code: bool,
    /// The options for a passkey, as JSON.
    pub(in crate::http) passkey: Option<String>,
    /// Whether the password suffices: the user has no second factor.
    #[serde(default)]
    pub(in crate::http) takes_password: bool,
}

/// The account pages to which an interaction without a request can lead.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::http) enum Destination {
    /// The applications of the user.
    #[default]
    Grants,
    /// The second factors of the user.
    Factors,
    /// The enrolment of an authenticator app.
    App,
    /// The enrolment of a passkey.
    Passkey,
    /// The replacement of the recovery codes.
    Codes,
}

impl Destination {
    /// The path of the page.
    pub(in crate::http) const fn path(self) -> &'static str {
        match self {
            Self::Grants => paths::GRANTS,
            Self::Factors => paths::FACTORS,
            Self::App => paths::APP,
            Self::Passkey => paths::PASSKEY,
            Self::Codes => paths::CODES,
        }
    }
}

impl Interaction {
    /// Starts an interaction.
    pub(in crate::http) fn start(parameters: Option<Vec<(String, String)>>, now: OffsetDateTime) -> Self {
        let started_at = i64::try_from(now.unix_timestamp_nanos() / 1_000).unwrap_or_default();
        Self {
            parameters,
            started_at,
            has_chosen_account: false,
            asked: None,
            question: None,
            destination: Destination::default(),
        }
    }

    /// When it started.
    pub(in crate::http) fn started_at(&self) -> OffsetDateTime {
        let nanoseconds = i128::from(self.started_at) * 1_000;
        OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
    }

    /// The signed field, bound to a cookie.
    pub(in crate::http) fn seal(
        &self,
        keys: &dyn KeyDirectory,
        purpose: SealFor,
        cookie: &str,
    ) -> Result<String, Problem> {
        let json = serde_json::to_vec(self).map_err(Problem::internal)?;
        let payload = URL_SAFE_NO_PAD.encode(json);
        let mac = mac(keys, purpose, &payload, cookie);
        Ok(format!("{payload}.{}", URL_SAFE_NO_PAD.encode(mac)))
    }

    /// Reads a signed field. `None` if it was tampered with, belongs to another cookie or has expired.
    pub(in crate::http) fn open(
        keys: &dyn KeyDirectory,
        purpose: SealFor,
        (field, cookie): (&str, &str),
        now: OffsetDateTime,
    ) -> Option<Self> {
        let (payload, presented) = field.split_once('.')?;
        if !is_equal(presented, mac(keys, purpose, payload, cookie)) {
            return None;
        }
        let opened: Self = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        (now < opened.started_at() + LIFETIME).then_some(opened)
    }
}

/// The token of a form of an account page, bound to the cookie of the session.
pub(super) fn form_token(keys: &dyn KeyDirectory, cookie: &str) -> String {
    URL_SAFE_NO_PAD.encode(mac(keys, SealFor::Form, "", cookie))
}

/// Returns whether this is the token of a form for this cookie.
pub(super) fn is_form_token(keys: &dyn KeyDirectory, presented: &str, cookie: &str) -> bool {
    is_equal(presented, mac(keys, SealFor::Form, "", cookie))
}

fn mac(keys: &dyn KeyDirectory, purpose: SealFor, payload: &str, cookie: &str) -> [u8; 32] {
    // No cookie contains a line break.
    keys.keyed_hash(purpose.purpose(), &format!("{cookie}\n{payload}"))
}

/// Compares in constant time, as digests do.
fn is_equal(presented: &str, expected: [u8; 32]) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(presented).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.is_some_and(|bytes| TokenDigest::from_bytes(bytes) == TokenDigest::from_bytes(expected))
}

#[cfg(test)]
mod tests {
    use inwren_domain::token::PublishedKey;
    use sha2::{Digest as _, Sha256};

    use super::*;

    struct Keys;

    impl KeyDirectory for Keys {
        fn published(&self, _: OffsetDateTime) -> Vec<PublishedKey> {
            Vec::new()
        }

        fn keyed_hash(&self, purpose: &str, text: &str) -> [u8; 32] {
            Sha256::digest(format!("key\n{purpose}\n{text}")).into()
        }
    }

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH;

    fn sealed() -> (Interaction, String) {
        let parameters = vec![("client_id".to_owned(), "wiki".to_owned())];
        let interaction = Interaction::start(Some(parameters), NOW + Duration::microseconds(7));
        let field = interaction.seal(&Keys, SealFor::Interaction, "cookie").unwrap();
        (interaction, field)
    }

    fn open(field: &str, cookie: &str, after: Duration) -> Option<Interaction> {
        Interaction::open(&Keys, SealFor::Interaction, (field, cookie), NOW + after)
    }

    #[test]
    fn own_field_is_opened() {
        let (interaction, field) = sealed();
        assert_eq!(interaction.started_at(), NOW + Duration::microseconds(7));
        assert_eq!(open(&field, "cookie", Duration::minutes(30)), Some(interaction));
    }

    #[test]
    fn tampered_field_is_refused() {
        let (_, field) = sealed();
        let (payload, mac) = field.split_once('.').unwrap();
        let other = URL_SAFE_NO_PAD.encode(br#"{"p":null,"t":7,"c":true,"u":null,"q":null}"#);
        for tampered in
            [format!("{other}.{mac}"), format!("{payload}."), payload.to_owned(), format!("{payload}.AAAA")]
        {
            assert_eq!(open(&tampered, "cookie", Duration::ZERO), None, "{tampered}");
        }
    }

    #[test]
    fn field_of_another_cookie_is_refused() {
        assert_eq!(open(&sealed().1, "other", Duration::ZERO), None);
    }

    #[test]
    fn field_of_another_purpose_is_refused() {
        let field = sealed().1;
        assert_eq!(Interaction::open(&Keys, SealFor::Logout, (&field, "cookie"), NOW), None);
    }

    #[test]
    fn expired_field_is_refused() {
        assert_eq!(open(&sealed().1, "cookie", Duration::minutes(31)), None);
    }

    #[test]
    fn form_token_belongs_to_its_session() {
        let token = form_token(&Keys, "session");
        assert!(is_form_token(&Keys, &token, "session"));
        assert!(!is_form_token(&Keys, &token, "other"));
        assert!(!is_form_token(&Keys, "", "session"));
    }
}
