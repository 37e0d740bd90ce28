use std::fmt;

use time::{Duration, OffsetDateTime};

use super::{RedirectUri, Scope};
use crate::account::{Tier, User};
use crate::authn::Acr;
use crate::kernel::{TokenDigest, id};

id!(
    /// Identifies a client permanently. It is never reused, not even for a client that gets the [`ClientId`] of a deleted
    /// one.
    ClientUid
);

id!(
    /// Identifies a client's secret. The id is not secret.
    ClientSecretId
);

/// The `client_id` of tokens from a login at this service (RFC 9068 section 2.2). No client has it.
pub const FIRST_PARTY_CLIENT: &str = "inwren";

/// The `client_id` of a client (RFC 6749 section 2.2): 1 to 64 letters, digits and `-`, `.`, `_`, `~`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ClientId(String);

/// The text is not a valid client id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a client id has 1 to 64 characters: letters, digits, `-`, `.`, `_` and `~`; `inwren` is reserved")]
pub struct InvalidClientId;

impl ClientId {
    /// Parses an id.
    pub fn parse(text: &str) -> Result<Self, InvalidClientId> {
        let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(is_allowed);
        // Paths end with the id, and these two are no names in a path.
        let is_free = ![FIRST_PARTY_CLIENT, ".", ".."].contains(&text);
        if fits && is_free { Ok(Self(text.to_owned())) } else { Err(InvalidClientId) }
    }

    /// Wraps an id from a verified token or from the store.
    pub fn from_stored(id: String) -> Self {
        Self(id)
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The display name of a client: 1 to 100 characters in one line.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ClientName(String);

/// The text is not a valid name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a name has 1 to 100 characters, and no line breaks")]
pub struct InvalidClientName;

impl ClientName {
    /// Parses a name. Surrounding white space is removed.
    pub fn parse(text: &str) -> Result<Self, InvalidClientName> {
        let text = text.trim();
        let fits = (1..=100).contains(&text.chars().count()) && !text.contains(char::is_control);
        if fits { Ok(Self(text.to_owned())) } else { Err(InvalidClientName) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ClientName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An OAuth 2.0 client: an application that users log in to, or a service that acts on its own behalf.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Client {
    /// Identifies the client permanently.
    pub uid: ClientUid,
    /// The `client_id`.
    pub id: ClientId,
    /// What the operator configures.
    pub settings: ClientSettings,
    /// When the client was created.
    pub created_at: OffsetDateTime,
    /// When the settings last changed.
    pub updated_at: OffsetDateTime,
}

/// What an operator configures of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSettings {
    /// The display name. It is unique.
    pub name: ClientName,
    /// What the client is.
    pub kind: ClientKind,
    /// Where the service may send authorization responses.
    pub redirect_uris: Vec<RedirectUri>,
    /// Where the service may send the browser after a logout. They are compared as strings.
    pub post_logout_redirect_uris: Vec<RedirectUri>,
    /// The scopes that the client may request.
    pub scopes: Scope,
    /// The grant types that the client may use.
    pub grant_types: Vec<GrantType>,
    /// How the client authenticates at the token endpoint.
    pub auth_method: AuthMethod,
    /// Whether the client belongs to the operator of this service, so that it needs no consent.
    pub first_party: bool,
    /// The assurance that users need.
    pub min_acr: Acr,
    /// The tiers whose users may log in; empty for all.
    pub allowed_tiers: Vec<Tier>,
    /// Lifetime of its access tokens, in minutes.
    pub access_minutes: u16,
    /// Lifetime of its refresh tokens that are not used, in days.
    pub refresh_days: u16,
    /// Where the service announces ended sessions (OpenID Connect Back-Channel Logout 1.0).
    pub backchannel_logout_uri: Option<RedirectUri>,
    /// The public keys of the client, a JWK set, for [`AuthMethod::PrivateKeyJwt`].
    pub jwks: Option<String>,
    /// The resource servers for which the client may request access tokens (RFC 8707).
    pub resources: Vec<String>,
    /// Whether the client may be used.
    pub state: ClientState,
}

impl Client {
    /// Whether the client is active.
    pub fn is_active(&self) -> bool {
        self.settings.state == ClientState::Active
    }

    /// Whether the client may use this grant type.
    pub fn allows(&self, grant: GrantType) -> bool {
        self.settings.grant_types.contains(&grant)
    }

    /// Lifetime of an access token for this client.
    pub fn access_lifetime(&self) -> Duration {
        Duration::minutes(self.settings.access_minutes.into())
    }

    /// Lifetime of an unused refresh token of this client.
    pub fn refresh_lifetime(&self) -> Duration {
        Duration::days(self.settings.refresh_days.into())
    }

    /// How long a session of this client lasts that is not used.
    pub fn session_lifetime(&self) -> Duration {
        if self.allows(GrantType::RefreshToken) { self.refresh_lifetime() } else { self.access_lifetime() }
    }

    /// Whether the user's tier may log in to the client.
    pub fn admits(&self, user: &User) -> bool {
        self.settings.allowed_tiers.is_empty() || self.settings.allowed_tiers.contains(&user.tier)
    }

    /// Whether the client has this redirect URI.
    pub fn redirects_to(&self, presented: &str) -> bool {
        let is_native = self.settings.kind == ClientKind::Public;
        self.settings.redirect_uris.iter().any(|registered| registered.matches(presented, is_native))
    }
}

impl AuthMethod {
    /// Whether the client has secrets.
    pub const fn has_secret(self) -> bool {
        matches!(self, Self::ClientSecretBasic | Self::ClientSecretPost)
    }
}

/// A secret of a client. A client may have several, so that an operator can replace one without an interruption.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientSecret {
    /// Identifies the secret.
    pub id: ClientSecretId,
    /// The client.
    pub client: ClientUid,
    /// The SHA-256 digest of the secret, which has 256 random bits.
    pub digest: TokenDigest,
    /// When it was created.
    pub created_at: OffsetDateTime,
    /// When it expires; `None` for never.
    pub expires_at: Option<OffsetDateTime>,
}

impl ClientSecret {
    /// What secrets start with (RFC 8959), so that scanners recognise one in a place where it does not belong.
    pub const PREFIX: &str = "secret-token:inwren_";
    /// How many secrets a client can have.
    pub const MAX: usize = 5;

    /// Whether the secret is valid at this time.
    pub fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.expires_at.is_none_or(|expires_at| now < expires_at)
    }
}

macro_rules! names {
    ($($(#[$type_doc:meta])* $type:ident { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ })+) => {$(
        $(#[$type_doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum $type {
            $($(#[$doc])* $variant,)+
        }

        impl $type {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name in the store and in the API.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// Parses the name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    )+};
}

names! {
    /// What a client is.
    ClientKind {
        /// An application that cannot keep a secret: in a browser or on a device (RFC 6749 section 2.1).
        Public = "public",
        /// An application that can keep a secret.
        Confidential = "confidential",
        /// A service that acts on its own behalf and not on a user's.
        Service = "service",
    }

    /// How a client authenticates (RFC 7591 section 2).
    AuthMethod {
        /// By its secret with HTTP Basic.
        ClientSecretBasic = "client_secret_basic",
        /// By its secret in the form.
        ClientSecretPost = "client_secret_post",
        /// By a token that it signs with its private key (RFC 7523).
        PrivateKeyJwt = "private_key_jwt",
        /// Not at all: only PKCE protects its codes.
        None = "none",
    }

    /// A grant type (RFC 6749).
    GrantType {
        /// A code from the authorization endpoint.
        AuthorizationCode = "authorization_code",
        /// A refresh token.
        RefreshToken = "refresh_token",
        /// The client's own credentials.
        ClientCredentials = "client_credentials",
    }

    /// Whether a client may be used.
    ClientState {
        /// It may.
        Active = "active",
        /// It may not: it gets no tokens, and its tokens are refused.
        Disabled = "disabled",
    }
}
