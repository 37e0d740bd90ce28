use inwren_domain::client::{Client, ClientId, ClientKind, ClientSecret, ClientSecretId, ClientUid};
use inwren_domain::kernel::PlainToken;
use inwren_domain::{Core, PortFailure};
use uuid::Uuid;

use super::users::SeedError;
use crate::client_settings::{ClientTexts, settings};

/// A client that exists from startup.
#[derive(Clone, Copy, Debug)]
pub struct SeedClient {
    /// The permanent id, the same at every startup.
    pub uid: Uuid,
    /// The `client_id`.
    pub id: &'static str,
    /// The display name.
    pub name: &'static str,
    /// The secret, which is published. `None` for a public client.
    pub secret: Option<&'static str>,
    /// Where the browser may return after a login.
    pub redirect_uris: &'static [&'static str],
    /// Where the browser may return after a logout.
    pub post_logout_redirect_uris: &'static [&'static str],
}

/// All seeded clients.
pub const CLIENTS: [SeedClient; 2] = [
    SeedClient {
        uid: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0101),
        id: "demo-app",
        name: "Demo application",
        secret: None,
        // A native application may use any port with the first one (RFC 8252 section 7.3).
        redirect_uris: &[
            "http://127.0.0.1/callback",
            "http://localhost:3000/callback",
            "http://localhost:5173/callback",
        ],
        post_logout_redirect_uris: &["http://localhost:3000/", "http://localhost:5173/"],
    },
    SeedClient {
        uid: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0102),
        id: "demo-web",
        name: "Demo web application",
        secret: Some("ephemeral-demo-web-secret"),
        redirect_uris: &["http://localhost:8080/callback", "http://localhost:3000/api/auth/callback/inwren"],
        post_logout_redirect_uris: &["http://localhost:8080/", "http://localhost:3000/"],
    },
];

impl SeedClient {
    /// Whether the client is public or confidential.
    pub fn kind(&self) -> ClientKind {
        if self.secret.is_some() { ClientKind::Confidential } else { ClientKind::Public }
    }

    /// What precedes the facts about the client in the names of shell variables.
    pub fn variable(&self) -> String {
        self.id.to_uppercase().replace('-', "_")
    }

    fn client(&self, core: &Core) -> Result<Client, SeedError> {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        let texts = ClientTexts {
            redirect_uris: owned(self.redirect_uris),
            post_logout_redirect_uris: owned(self.post_logout_redirect_uris),
            scopes: Some(owned(&["openid", "profile", "email", "offline_access"])),
            ..ClientTexts::of_kind(self.name, self.kind().as_str())
        };
        let refused = || SeedError::Client(self.id);
        let settings = settings(texts).map_err(|_| refused())?;
        settings.validate(core).map_err(|_| refused())?;
        let id = ClientId::parse(self.id).map_err(|_| refused())?;
        let now = core.clock.now();
        Ok(Client { uid: ClientUid::from_uuid(self.uid), id, settings, created_at: now, updated_at: now })
    }
}

/// Creates the clients without the use case, because their ids and secrets are fixed.
pub(super) async fn seed(core: &Core) -> Result<(), SeedError> {
    for seed in CLIENTS {
        let client = seed.client(core)?;
        let mut unit = core.store.begin().await.map_err(PortFailure::from)?;
        if !unit.clients().insert(&client).await.map_err(PortFailure::from)? {
            return Err(SeedError::Client(seed.id));
        }
        if let Some(secret) = seed.secret {
            let secret = ClientSecret {
                id: ClientSecretId::from_uuid(seed.uid),
                client: client.uid,
                digest: core.verifier.digest(&PlainToken::new(secret.to_owned())),
                created_at: client.created_at,
                expires_at: None,
            };
            unit.clients().insert_secret(&secret).await.map_err(PortFailure::from)?;
        }
        unit.commit().await.map_err(PortFailure::from)?;
    }
    Ok(())
}
