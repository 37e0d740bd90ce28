use inwren_domain::account::{Inserted, User};
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, ClientTrust, Password, Requester};
use inwren_domain::factor::known_totp;
use inwren_domain::kernel::{ClientInfo, Email, UserId};
use inwren_domain::{Core, PortFailure};
use uuid::Uuid;

use super::totp;

/// A user that exists from startup.
#[derive(Clone, Copy, Debug)]
pub struct Seed {
    /// The id, the same at every startup.
    pub id: Uuid,
    /// The login name.
    pub email: &'static str,
    /// The password, which is published.
    pub password: &'static str,
    /// Whether the user is a superuser.
    pub is_superuser: bool,
    /// The secret of the user's authenticator app, in base32. `None` if the user has no second factor.
    pub totp_secret: Option<&'static str>,
}

/// All seeded users.
pub const SEEDS: [Seed; 4] = [
    Seed {
        id: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0001),
        email: "root@example.org",
        password: "ephemeral-root-password",
        is_superuser: true,
        totp_secret: None,
    },
    Seed {
        id: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0002),
        email: "ann@example.org",
        password: "ephemeral-ann-password",
        is_superuser: false,
        totp_secret: None,
    },
    Seed {
        id: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0003),
        email: "bob@example.org",
        password: "ephemeral-bob-password",
        is_superuser: false,
        totp_secret: None,
    },
    Seed {
        id: Uuid::from_u128(0x0000_0000_0000_7000_8000_0000_0000_0004),
        email: "carol@example.org",
        password: "ephemeral-carol-password",
        is_superuser: false,
        totp_secret: Some("JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"),
    },
];

/// Why the users and clients could not be created.
#[derive(Debug, thiserror::Error)]
pub enum SeedError {
    /// A port has failed.
    #[error("the users and clients could not be created: {0}")]
    Port(#[from] PortFailure),
    /// The address is invalid or taken, or the secret is invalid.
    #[error("the user {0} could not be created")]
    Refused(&'static str),
    /// The settings are invalid, or the id or the name is taken.
    #[error("the client {0} could not be created")]
    Client(&'static str),
}

/// Creates the users without the use case, because their ids are fixed and the use case lets no client choose an id.
pub(super) async fn seed(core: &Core) -> Result<(), SeedError> {
    for seed in SEEDS {
        let email = Email::parse(seed.email).map_err(|_| SeedError::Refused(seed.email))?;
        let requester = Requester::new(&ClientInfo::default(), ClientTrust::Recognised);
        let hash =
            core.hasher.hash(Password::new(seed.password), requester).await.map_err(PortFailure::from)?;
        let now = core.clock.now();
        let user = User {
            id: UserId::from_uuid(seed.id),
            email,
            is_active: true,
            is_superuser: seed.is_superuser,
            tier: core.settings.tiers.default_tier().clone(),
            created_at: now,
            updated_at: now,
            email_verified_at: None,
            email_undeliverable_at: None,
            locale: None,
            credential_version: 0,
            sessions_epoch: 0,
            highest_acr: Acr::Aal1,
        };
        let mut unit = core.store.begin().await.map_err(PortFailure::from)?;
        if unit.users().insert(&Account { user, password: Some(hash) }).await.map_err(PortFailure::from)?
            == Inserted::EmailTaken
        {
            return Err(SeedError::Refused(seed.email));
        }
        if let Some(secret) = seed.totp_secret {
            let user_id = UserId::from_uuid(seed.id);
            let factor = known_totp(core, user_id, secret)?.ok_or(SeedError::Refused(seed.email))?;
            totp::enrol(core, unit.as_mut(), &factor).await?;
        }
        unit.commit().await.map_err(PortFailure::from)?;
    }
    Ok(())
}
