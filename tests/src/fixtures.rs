//! Valid users, sessions and events, each with unique values.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use inwren_adapters::store::memory::MemoryStore;
use inwren_domain::account::{Inserted, Tier, User};
use inwren_domain::action_token::{ActionToken, ActionTokenId, Purpose};
use inwren_domain::audit::{AuditEvent, AuditEventId, AuditEventKind, AuditFilter, Subject};
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::challenge::{Challenge, ChallengeId, ChallengePurpose};
use inwren_domain::client::{
    AuthMethod, Client, ClientId, ClientKind, ClientName, ClientSecret, ClientSecretId, ClientSettings,
    ClientUid, GrantType, RedirectUri, Scope,
};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::factor::{
    CoseAlgorithm, CredentialId, Factor, FactorId, FactorKind, FactorName, Passkey, Totp, UserHandle,
};
use inwren_domain::kernel::{
    ClientInfo, Email, Locale, PageRequest, SessionId, StoreError, TokenDigest, TokenId, UserId,
};
use inwren_domain::keyring::SecretKeyId;
use inwren_domain::outbox::{ClaimId, Letter, LetterId, LetterKind, LetterState};
use inwren_domain::pending_registration::{PendingRegistration, VerificationId};
use inwren_domain::provider::{AuthorizationCode, AuthorizationCodeId, Consent};
use inwren_domain::session::{ClientGrant, Principal, Rotation, Session, SessionKind, authenticate};
use inwren_domain::store::Store;
use inwren_domain::token::AccessClaims;
use inwren_domain::trusted_device::{TrustedDevice, TrustedDeviceId};
use sha2::{Digest, Sha256};
use time::{Duration, OffsetDateTime};
use uuid::{Builder, Uuid};

use crate::fakes::Fakes;

/// A number that is unique in this process.
pub fn unique() -> u64 {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// The time of the fixtures. It has microseconds, so that tests detect a store with a lower precision.
pub fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::new(1_900_000_000, 123_457_000)
}

/// An e-mail address.
pub fn email(text: &str) -> Email {
    Email::parse(text).expect("a valid address")
}

/// A new e-mail address.
pub fn fresh_email() -> Email {
    email(&format!("somebody-{}@example.org", unique()))
}

/// A tier.
pub fn tier(name: &str) -> Tier {
    Tier::parse(name).expect("a valid tier")
}

/// A random id without order, as ids from different machines have none.
pub fn user_id() -> UserId {
    UserId::from_uuid(uuid())
}

/// The digest of a number.
pub fn digest(n: u64) -> TokenDigest {
    TokenDigest::from_bytes(Sha256::digest(n.to_be_bytes()).into())
}

/// A unique password hash.
pub fn password_hash() -> PasswordHash {
    PasswordHash::from_phc(format!("$argon2id$v=19$m=47104,t=1,p=1${:022}$c29tZWhhc2g", unique()))
}

/// An active user with this address who is not a superuser.
pub fn user(address: &str) -> User {
    let created_at = now() - Duration::DAY + Duration::microseconds(unique().cast_signed());
    User {
        id: user_id(),
        email: email(address),
        is_active: true,
        is_superuser: false,
        tier: tier("free"),
        created_at,
        updated_at: created_at,
        email_verified_at: None,
        email_undeliverable_at: None,
        locale: None,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    }
}

/// The user with a password hash. The hash is the same for the same user, and the fake hasher accepts it.
pub fn account(user: &User) -> Account {
    let password = PasswordHash::from_phc(format!("$plain$v=0${}", user.id));
    Account { user: user.clone(), password: Some(password) }
}

/// An active user with a unique address who is not a superuser.
pub fn user_fixture() -> User {
    user(fresh_email().as_str())
}

/// An active user with a different value in every field.
pub fn distinct_user() -> User {
    let updated_at = now() + Duration::MICROSECOND;
    User {
        tier: tier("plus"),
        updated_at,
        email_verified_at: Some(now() + Duration::microseconds(2)),
        email_undeliverable_at: Some(now() + Duration::microseconds(3)),
        locale: Locale::parse("pt-BR"),
        credential_version: 5,
        sessions_epoch: 6,
        highest_acr: Acr::Phr,
        ..user_fixture()
    }
}

/// An active superuser.
pub fn superuser() -> User {
    User { is_superuser: true, ..user_fixture() }
}

/// A session of the user that started [now] and has not been refreshed.
pub fn session_of(user: &User) -> Session {
    let n = unique();
    Session {
        id: SessionId::from_uuid(uuid()),
        user_id: user.id,
        kind: SessionKind::Api,
        generation: 0,
        rekeyed_generation: 0,
        refresh_jti: refresh_jti(0),
        hashed_refresh_token: digest(n),
        previous_hashed_refresh_token: None,
        rotated_at: now(),
        created_at: now(),
        authenticated_at: now(),
        assurance: Assurance::PASSWORD,
        is_for_enrolment: false,
        last_used_at: now(),
        expires_at: now() + Duration::days(7),
        max_expires_at: now() + Duration::days(30),
        revoked: None,
        client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("fixture/1.0")),
        last_client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("fixture/1.0")),
        epoch: user.sessions_epoch,
    }
}

/// A session of the user with a different value in every field that allows one.
pub fn distinct_session(user: &User) -> Session {
    let tick = |n| now() + Duration::microseconds(n);
    Session {
        kind: SessionKind::Application(Box::new(distinct_grant())),
        generation: (1 << 40) + 3,
        rekeyed_generation: 1 << 40,
        refresh_jti: TokenId::from_stored(format!("{}.{}", (1_u64 << 40) + 3, "f".repeat(64))),
        previous_hashed_refresh_token: Some(digest(unique())),
        created_at: tick(1),
        authenticated_at: tick(2),
        assurance: Assurance { acr: Acr::Phr, amr: Amr::from_stored("hwk user") },
        is_for_enrolment: true,
        rotated_at: tick(3),
        last_used_at: tick(4),
        expires_at: tick(1_000_005),
        max_expires_at: tick(2_000_006),
        client: ClientInfo::new(Some([192, 0, 2, 3].into()), Some("first/1.0")),
        last_client: ClientInfo::new(Some([192, 0, 2, 4].into()), Some("last/2.0")),
        ..session_of(user)
    }
}

/// A session of the user in a browser, which started [now].
pub fn browser_session_of(user: &User) -> Session {
    Session { kind: SessionKind::Browser, ..session_of(user) }
}

/// A session of the user that this application holds, and that began in this browser session. It ends with it.
pub fn application_session_of(user: &User, client: ClientUid, browser: SessionId) -> Session {
    let scope = scope("openid email");
    let grant = ClientGrant { client, scope, resource: None, browser };
    Session { kind: SessionKind::Application(Box::new(grant)), ..session_of(user) }
}

/// A session as [`application_session_of`] creates it, which outlives the browser session.
pub fn offline_session_of(user: &User, client: ClientUid, browser: SessionId) -> Session {
    let scope = scope("openid offline_access");
    let grant = ClientGrant { client, scope, resource: None, browser };
    Session { kind: SessionKind::Application(Box::new(grant)), ..session_of(user) }
}

/// A grant with a different value in every field.
fn distinct_grant() -> ClientGrant {
    ClientGrant {
        client: ClientUid::from_uuid(uuid()),
        scope: scope("openid email reports:read"),
        resource: Some("https://api.example.org/reports".to_owned()),
        browser: session_id(),
    }
}

/// The id of a session that does not exist.
pub fn session_id() -> SessionId {
    SessionId::from_uuid(uuid())
}

/// A scope.
pub fn scope(names: &str) -> Scope {
    Scope::parse(names).expect("a valid scope")
}

/// The id of a refresh token of this generation.
pub fn refresh_jti(generation: i64) -> TokenId {
    TokenId::from_stored(format!("{generation}.{:064x}", unique()))
}

/// A valid exchange of the live token of the session, one minute after its issue.
pub fn rotation_of(session: &Session) -> Rotation {
    let at = session.rotated_at + Duration::MINUTE;
    let generation = session.generation + 1;
    Rotation {
        session_id: session.id,
        user_id: session.user_id,
        presented: session.hashed_refresh_token,
        generation,
        refresh_jti: refresh_jti(generation),
        hashed_refresh_token: digest(unique()),
        expires_at: session.expires_at + Duration::MINUTE,
        at,
        reuse_grace: Duration::seconds(10),
        undelivered: Vec::new(),
        client: ClientInfo::new(Some([192, 0, 2, 2].into()), Some("fixture/2.0")),
    }
}

/// An event that happened [now] to the user.
pub fn event(kind: AuditEventKind, subject: impl Into<Subject>) -> AuditEvent {
    AuditEvent {
        id: AuditEventId::from_uuid(uuid()),
        occurred_at: now(),
        kind,
        subject: subject.into(),
        session_id: None,
        actor_id: None,
        client: ClientInfo::default(),
        reason: None,
    }
}

/// An event with a different value in every field.
pub fn distinct_event(kind: AuditEventKind, subject: impl Into<Subject>) -> AuditEvent {
    AuditEvent {
        session_id: Some(SessionId::from_uuid(uuid())),
        actor_id: Some(user_id()),
        client: ClientInfo::new(Some([192, 0, 2, 5].into()), Some("event/1.0")),
        reason: Some("The phone is lost; identity card seen.".to_owned()),
        ..event(kind, subject)
    }
}

/// All events that match the filter, newest first. The function reads all pages.
pub async fn audit_events(store: &dyn Store, filter: &AuditFilter) -> Result<Vec<AuditEvent>, StoreError> {
    let mut view = store.read().await?;
    let mut found = Vec::new();
    let mut after = None;
    loop {
        let request = PageRequest::new(PageRequest::MAX_LIMIT, after);
        let page = view.audit().page(filter, request).await?;
        found.extend(page.items);
        if page.next.is_none() {
            return Ok(found);
        }
        after = page.next;
    }
}

/// A service of this name, created [now].
pub fn service_client(name: &str) -> Client {
    client(ClientSettings::of_service(client_name(name)))
}

/// A confidential application of this name, created [now]. It wants logout tokens.
pub fn application(name: &str) -> Client {
    client(ClientSettings {
        kind: ClientKind::Confidential,
        redirect_uris: vec![redirect_uri("https://app.example.org/callback")],
        scopes: scope("openid profile email offline_access"),
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        backchannel_logout_uri: Some(redirect_uri("https://app.example.org/logout")),
        ..ClientSettings::of_service(client_name(name))
    })
}

/// An application of this name with a different value in every setting.
pub fn distinct_application(name: &str) -> Client {
    let settings = ClientSettings {
        kind: ClientKind::Public,
        redirect_uris: ["https://one.example.org/a?b=c", "org.example.app:/callback"]
            .map(redirect_uri)
            .into(),
        post_logout_redirect_uris: ["https://two.example.org/", "https://three.example.org/"]
            .map(redirect_uri)
            .into(),
        auth_method: AuthMethod::PrivateKeyJwt,
        first_party: true,
        min_acr: Acr::Phr,
        allowed_tiers: vec![tier("plus"), tier("premium")],
        access_minutes: 59,
        refresh_days: 364,
        jwks: Some(r#"{"keys": [{"kty": "EC", "kid": "Ünïcode 🦀"}]}"#.to_owned()),
        resources: vec!["https://api.example.org".to_owned(), "urn:example:reports".to_owned()],
        ..application(name).settings
    };
    Client {
        created_at: now() + Duration::MICROSECOND,
        updated_at: now() + Duration::SECOND,
        ..client(settings)
    }
}

/// A client with a unique id and these settings, created [now].
pub fn client(settings: ClientSettings) -> Client {
    Client {
        uid: ClientUid::from_uuid(uuid()),
        id: ClientId::parse(&format!("client-{}", unique())).expect("a valid id"),
        settings,
        created_at: now(),
        updated_at: now(),
    }
}

fn client_name(name: &str) -> ClientName {
    ClientName::parse(name).expect("a valid name")
}

fn redirect_uri(uri: &str) -> RedirectUri {
    RedirectUri::parse(uri, true).expect("a valid URI")
}

/// A secret of the client that was created [now] and never expires.
pub fn client_secret(client: &Client) -> ClientSecret {
    ClientSecret {
        id: ClientSecretId::from_uuid(uuid()),
        client: client.uid,
        digest: digest(unique()),
        created_at: now(),
        expires_at: None,
    }
}

/// An authorization code that the user granted to the client [now]. Every field has a different value.
pub fn authorization_code(user: &User, client: &Client) -> AuthorizationCode {
    AuthorizationCode {
        id: AuthorizationCodeId::from_uuid(uuid()),
        digest: digest(unique()),
        client: client.uid,
        user_id: user.id,
        session_id: session_id(),
        browser: session_id(),
        redirect_uri: "https://app.example.org/callback?a=b".to_owned(),
        code_challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
        nonce: Some("Ünïcode nonce".to_owned()),
        scope: scope("openid email"),
        resource: Some("https://api.example.org".to_owned()),
        id_token_claims: vec!["email".to_owned(), "name".to_owned()],
        authenticated_at: now() - Duration::MINUTE,
        assurance: Assurance { acr: Acr::Phr, amr: Amr::from_stored("hwk user") },
        credential_version: i64::from(u32::MAX) + 7,
        attempts_left: AuthorizationCode::ATTEMPTS,
        expires_at: now() + AuthorizationCode::LIFETIME,
        spent_at: None,
    }
}

/// The consent of the user to the client, given [now].
pub fn consent(user: &User, client: &Client) -> Consent {
    Consent {
        user_id: user.id,
        client: client.uid,
        scope: scope("openid email"),
        created_at: now(),
        updated_at: now(),
    }
}

/// A token of the user that was created [now].
pub fn action_token(user: &User, purpose: Purpose) -> ActionToken {
    ActionToken {
        id: ActionTokenId::from_uuid(uuid()),
        user_id: user.id,
        purpose,
        email: user.email.clone(),
        hashed_token: digest(unique()),
        key_id: SecretKeyId::new(u32::MAX),
        credential_version: user.credential_version,
        session_id: Some(SessionId::from_uuid(uuid())),
        client: ClientInfo::new(Some([192, 0, 2, 6].into()), Some("token/1.0")),
        wrong_codes: 0,
        created_at: now(),
        expires_at: now() + purpose.lifetime(),
    }
}

/// A confirmed authenticator app of the user, enrolled [now]. Its secret is not sealed by any keyring.
pub fn totp_of(user: &User) -> Factor {
    Factor {
        kind: FactorKind::Totp(Totp {
            key_id: SecretKeyId::new(u32::MAX),
            sealed_secret: digest(unique()).as_bytes().to_vec(),
            is_confirmed: true,
            last_step: 0,
        }),
        ..passkey_of(user)
    }
}

/// A passkey of the user, enrolled [now]. Its key can sign nothing.
pub fn passkey_of(user: &User) -> Factor {
    Factor {
        id: FactorId::from_uuid(uuid()),
        user_id: user.id,
        name: FactorName::parse("My phone").ok(),
        created_at: now(),
        last_used_at: None,
        kind: FactorKind::Passkey(Passkey {
            credential_id: CredentialId::new(digest(unique()).as_bytes().to_vec()).expect("a valid id"),
            public_key: digest(unique()).as_bytes().to_vec(),
            algorithm: CoseAlgorithm::EdDsa,
            sign_count: 0,
            is_backup_eligible: false,
            is_backed_up: false,
            verifies_user: true,
            user_handle: UserHandle::from_bytes(*digest(unique()).as_bytes()),
            transports: vec!["internal".to_owned()],
        }),
    }
}

/// A challenge of the user that was made [now].
pub fn challenge(user: &User, purpose: ChallengePurpose) -> Challenge {
    Challenge {
        id: ChallengeId::from_uuid(uuid()),
        digest: digest(unique()),
        purpose,
        user_id: Some(user.id),
        session_id: Some(SessionId::from_uuid(uuid())),
        credential_version: user.credential_version,
        user_handle: Some(UserHandle::from_bytes(*digest(unique()).as_bytes())),
        attempts_left: Challenge::ATTEMPTS,
        expires_at: now() + Challenge::LIFETIME,
    }
}

/// A device that the user has trusted [now], for 30 days.
pub fn trusted_device(user: &User) -> TrustedDevice {
    TrustedDevice {
        id: TrustedDeviceId::from_uuid(uuid()),
        user_id: user.id,
        digest: digest(unique()),
        credential_version: user.credential_version,
        created_at: now(),
        expires_at: now() + Duration::days(30),
    }
}

/// A registration with this address that was created [now].
pub fn pending_registration(address: &str) -> PendingRegistration {
    PendingRegistration {
        id: VerificationId::from_uuid(uuid()),
        email: email(address),
        password: password_hash(),
        tier: tier("plus"),
        locale: Locale::parse("de"),
        hashed_token: digest(unique()),
        key_id: SecretKeyId::new(u32::MAX),
        code_round: 0,
        attempts_left: PendingRegistration::ATTEMPTS,
        code_expires_at: now() + PendingRegistration::CODE_LIFETIME,
        client: ClientInfo::new(Some([192, 0, 2, 7].into()), Some("registration/1.0")),
        created_at: now(),
        expires_at: now() + PendingRegistration::LIFETIME,
    }
}

/// A pending letter to this address that is due [now].
pub fn letter(kind: LetterKind, recipient: &Email) -> Letter {
    Letter {
        id: LetterId::from_uuid(uuid()),
        kind,
        recipient: recipient.clone(),
        user_id: None,
        action_token_id: None,
        verification_id: None,
        new_email: None,
        logout: None,
        locale: None,
        client: ClientInfo::default(),
        state: LetterState::Pending,
        attempts: 0,
        next_attempt_at: now(),
        last_error: None,
        created_at: now(),
        expires_at: now() + Letter::LIFETIME,
        claim: None,
    }
}

/// A new claim of letters.
pub fn claim_id() -> ClaimId {
    ClaimId::from_uuid(uuid())
}

/// The principal of the user. Only authentication creates a principal, so this function authenticates the user over a
/// store that contains no other user.
pub async fn principal(user: &User, session: &Session) -> Principal {
    let core = Fakes::over(Arc::new(MemoryStore::new())).core;
    let mut unit = core.store.begin().await.expect("a unit");
    assert_eq!(unit.users().insert(&account(user)).await.expect("an answer"), Inserted::Inserted);
    unit.sessions().insert(session).await.expect("a session");
    unit.commit().await.expect("a commit");
    let issued_at = session.rotated_at.truncate_to_second();
    let claims = AccessClaims {
        id: TokenId::from_stored(format!("{:064x}", unique())),
        user_id: user.id,
        session_id: session.id,
        issued_at,
        expires_at: issued_at + Duration::minutes(15),
        authenticated_at: session.authenticated_at.truncate_to_second(),
        assurance: session.assurance.clone(),
        is_for_enrolment: session.is_for_enrolment,
        email: user.email.as_str().to_owned(),
        email_verified: user.email_verified_at.is_some(),
        tier: user.tier.clone(),
        is_superuser: user.is_superuser,
        application: None,
    };
    let token = core.issuer.issue_access(&claims).expect("a token");
    authenticate(&core, token.expose()).await.expect("a live session")
}

fn uuid() -> Uuid {
    let random: [u8; 32] = Sha256::digest(unique().to_le_bytes()).into();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&random[..16]);
    Builder::from_random_bytes(bytes).into_uuid()
}
