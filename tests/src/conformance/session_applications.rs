//! `SessionRepository`: sessions of browsers and of applications.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::client::ClientUid;
use inwren_domain::kernel::{SessionId, TokenDigest};
use inwren_domain::session::{ClientGrant, Revocation, RevocationReason, Session, SessionKind};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{add_sessions, add_users, session_of};
use crate::fixtures::{
    self, application_session_of, browser_session_of, digest, now, offline_session_of, scope, session_id,
    unique, user_fixture, user_id,
};

const TICK: Duration = Duration::MICROSECOND;
const REASON: RevocationReason = RevocationReason::ConsentRevoked;

fn client_uid() -> ClientUid {
    ClientUid::from_uuid(user_id().as_uuid())
}

async fn added_user(store: &dyn Store) -> User {
    let user = user_fixture();
    add_users(store, &[&user]).await;
    user
}

/// When a session is prolonged, and until when.
fn later() -> (OffsetDateTime, OffsetDateTime) {
    (now() + Duration::HOUR, now() + Duration::days(8))
}

async fn touch(store: &dyn Store, id: SessionId, user: &User, digest: &TokenDigest) -> bool {
    let (at, expires_at) = later();
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().touch(id, user.id, digest, at, expires_at).await.unwrap()
    })
}

async fn revoke(store: &dyn Store, id: SessionId, user: &User) -> Option<SessionKind> {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().revoke(id, user.id, REASON, now()).await.unwrap()
    })
}

async fn revoke_of_browser(store: &dyn Store, browser: SessionId, user: &User) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().revoke_of_browser(browser, user.id, REASON, now()).await.unwrap()
    })
}

async fn revoke_of_client(store: &dyn Store, client: ClientUid, user: &User) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().revoke_of_client(client, user.id, REASON, now()).await.unwrap()
    })
}

async fn move_to_browser(store: &dyn Store, from: SessionId, to: SessionId, user: &User) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().move_to_browser(from, to, user.id).await.unwrap()
    })
}

/// The session after it was revoked [now].
fn revoked(session: &Session) -> Session {
    Session { revoked: Some(Revocation { at: now(), reason: REASON }), ..session.clone() }
}

async fn assert_unchanged(store: &dyn Store, sessions: &[&Session]) {
    for session in sessions {
        assert_eq!(session_of(store, session.id).await.as_ref(), Some(*session));
    }
}

async fn assert_revoked(store: &dyn Store, sessions: &[&Session]) {
    for session in sessions {
        assert_eq!(session_of(store, session.id).await, Some(revoked(session)));
    }
}

/// Sessions of every kind are read back unchanged.
pub async fn every_kind_is_read_back_exactly(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let (client, browser) = (client_uid(), session_id());
    let resource = Some("https://api.example.org/".to_owned());
    let grant = ClientGrant { client, scope: scope("a b:c"), resource, browser };
    let sessions = [
        fixtures::session_of(&user),
        browser_session_of(&user),
        application_session_of(&user, client, browser),
        Session { kind: SessionKind::Application(Box::new(grant)), ..fixtures::session_of(&user) },
    ];
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    assert_unchanged(&*store, &sessions.iter().collect::<Vec<_>>()).await;
}

/// `touch` prolongs a live browser session whose cookie is the current one, and changes nothing else of it.
pub async fn a_touch_prolongs_a_browser_session(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let (session, sister) = (browser_session_of(&user), browser_session_of(&user));
    add_sessions(&*store, &[&session, &sister]).await;
    assert!(touch(&*store, session.id, &user, &session.hashed_refresh_token).await);
    let (last_used_at, expires_at) = later();
    let expected = Session { last_used_at, expires_at, ..session };
    assert_unchanged(&*store, &[&expected, &sister]).await;
}

/// `touch` MUST change nothing and return `false` if the session is no browser's, not the user's or not live, or has
/// another cookie.
pub async fn a_touch_of_another_session_changes_nothing(store: Arc<dyn Store>) {
    let (user, other) = (added_user(&*store).await, added_user(&*store).await);
    let session = browser_session_of(&user);
    let api = fixtures::session_of(&user);
    let application = application_session_of(&user, client_uid(), session.id);
    let ended = revoked(&browser_session_of(&user));
    let expired = Session { expires_at: later().0, ..browser_session_of(&user) };
    let capped = Session { expires_at: later().0, max_expires_at: later().0, ..browser_session_of(&user) };
    let all = [&session, &api, &application, &ended, &expired, &capped];
    add_sessions(&*store, &all).await;
    assert!(!touch(&*store, session.id, &user, &digest(unique())).await);
    assert!(!touch(&*store, session.id, &other, &session.hashed_refresh_token).await);
    assert!(!touch(&*store, session_id(), &user, &session.hashed_refresh_token).await);
    for untouchable in &all[1..] {
        assert!(!touch(&*store, untouchable.id, &user, &untouchable.hashed_refresh_token).await);
    }
    assert_unchanged(&*store, &all).await;
}

/// `revoke` returns what held the session.
pub async fn a_revocation_returns_the_kind(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let sessions =
        [fixtures::session_of(&user), browser_session_of(&user), fixtures::distinct_session(&user)];
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    for session in &sessions {
        assert_eq!(revoke(&*store, session.id, &user).await.as_ref(), Some(&session.kind));
        assert_eq!(revoke(&*store, session.id, &user).await, None);
    }
    assert_revoked(&*store, &sessions.iter().collect::<Vec<_>>()).await;
}

/// `revoke_of_browser` revokes the unrevoked sessions of applications that began in the browser session, except those
/// that outlive it, and returns their number.
pub async fn a_browser_session_takes_its_applications(store: Arc<dyn Store>) {
    let (user, other) = (added_user(&*store).await, added_user(&*store).await);
    let (browser, sister) = (browser_session_of(&user), browser_session_of(&user));
    let first = application_session_of(&user, client_uid(), browser.id);
    let second = application_session_of(&user, client_uid(), browser.id);
    let expired = Session { expires_at: now(), ..application_session_of(&user, client_uid(), browser.id) };
    let offline = offline_session_of(&user, client_uid(), browser.id);
    let elsewhere = application_session_of(&user, client_uid(), sister.id);
    let api = fixtures::session_of(&user);
    let before = Revocation { at: now() - Duration::DAY, reason: RevocationReason::Logout };
    let ended = Session { revoked: Some(before), ..application_session_of(&user, client_uid(), browser.id) };
    let foreign = application_session_of(&other, client_uid(), browser.id);
    add_sessions(&*store, &[&browser, &sister, &first, &second, &expired, &offline]).await;
    add_sessions(&*store, &[&elsewhere, &api, &ended, &foreign]).await;

    assert_eq!(revoke_of_browser(&*store, session_id(), &user).await, 0);
    assert_eq!(revoke_of_browser(&*store, browser.id, &user).await, 3);
    assert_eq!(revoke_of_browser(&*store, browser.id, &user).await, 0);
    assert_revoked(&*store, &[&first, &second, &expired]).await;
    assert_unchanged(&*store, &[&browser, &sister, &offline, &elsewhere, &api, &ended, &foreign]).await;
}

/// Sessions that a revocation of all sessions ended are not revoked again.
pub async fn ended_sessions_are_not_revoked_again(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let (client, browser) = (client_uid(), browser_session_of(&user));
    let session =
        Session { epoch: user.sessions_epoch + 1, ..application_session_of(&user, client, browser.id) };
    add_sessions(&*store, &[&browser, &session]).await;
    assert_eq!(revoke_of_browser(&*store, browser.id, &user).await, 0);
    assert_eq!(revoke_of_client(&*store, client, &user).await, 0);
    assert_unchanged(&*store, &[&browser, &session]).await;
}

/// `move_to_browser` moves the user's sessions of applications from one browser session to another.
pub async fn applications_move_to_another_browser_session(store: Arc<dyn Store>) {
    let (user, other) = (added_user(&*store).await, added_user(&*store).await);
    let [from, to, elsewhere] = [(); 3].map(|()| browser_session_of(&user));
    let client = client_uid();
    let (first, second) =
        (application_session_of(&user, client, from.id), offline_session_of(&user, client, from.id));
    let already = application_session_of(&user, client, to.id);
    let stays = application_session_of(&user, client, elsewhere.id);
    let foreign = application_session_of(&other, client, from.id);
    add_sessions(&*store, &[&from, &to, &elsewhere, &first, &second, &already, &stays, &foreign]).await;

    assert_eq!(move_to_browser(&*store, session_id(), to.id, &user).await, 0);
    assert_eq!(move_to_browser(&*store, from.id, to.id, &user).await, 2);
    assert_eq!(move_to_browser(&*store, from.id, to.id, &user).await, 0);
    for session in [first, second] {
        let grant = ClientGrant { browser: to.id, ..session.grant().unwrap().clone() };
        let moved = Session { kind: SessionKind::Application(Box::new(grant)), ..session };
        assert_eq!(session_of(&*store, moved.id).await, Some(moved));
    }
    assert_unchanged(&*store, &[&from, &to, &elsewhere, &already, &stays, &foreign]).await;
}

/// `revoke_of_client` revokes the user's unrevoked sessions of the application, and returns their number.
pub async fn a_withdrawn_consent_ends_its_sessions(store: Arc<dyn Store>) {
    let (user, other) = (added_user(&*store).await, added_user(&*store).await);
    let client = client_uid();
    let online = application_session_of(&user, client, session_id());
    let offline = offline_session_of(&user, client, session_id());
    let expired = Session { expires_at: now(), ..offline_session_of(&user, client, session_id()) };
    let of_another = application_session_of(&user, client_uid(), session_id());
    let (api, browser) = (fixtures::session_of(&user), browser_session_of(&user));
    let before = Revocation { at: now() - TICK, reason: RevocationReason::Logout };
    let ended = Session { revoked: Some(before), ..application_session_of(&user, client, session_id()) };
    let foreign = application_session_of(&other, client, session_id());
    add_sessions(&*store, &[&online, &offline, &expired, &of_another, &api, &browser, &ended]).await;
    add_sessions(&*store, &[&foreign]).await;

    assert_eq!(revoke_of_client(&*store, client_uid(), &user).await, 0);
    assert_eq!(revoke_of_client(&*store, client, &user).await, 3);
    assert_eq!(revoke_of_client(&*store, client, &user).await, 0);
    assert_revoked(&*store, &[&online, &offline, &expired]).await;
    assert_unchanged(&*store, &[&of_another, &api, &browser, &ended, &foreign]).await;
}
