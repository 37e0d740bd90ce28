//! `OutboxRepository`: logout tokens for applications.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::client::{Client, ClientSettings};
use inwren_domain::kernel::{ClientInfo, PageRequest, SessionId};
use inwren_domain::outbox::{ClaimId, Delivery, Letter, LetterId, LetterKind, LetterState, LogoutsOf};
use inwren_domain::session::{Revocation, RevocationReason, Session};
use inwren_domain::store::Store;
use time::OffsetDateTime;

use super::support::{add_sessions, add_users, together};
use crate::fixtures::{
    self, application, application_session_of, browser_session_of, claim_id, distinct_user, fresh_email, now,
    offline_session_of, session_id, user_fixture, user_id,
};

const REASON: RevocationReason = RevocationReason::Logout;

/// A stored user and a stored application that wants logout tokens.
async fn added(store: &dyn Store) -> (User, Client) {
    let (user, client) = (distinct_user(), application("an application"));
    add_users(store, &[&user]).await;
    add_clients(store, &[&client]).await;
    (user, client)
}

async fn add_clients(store: &dyn Store, clients: &[&Client]) {
    in_unit!(store, |unit| for client in clients {
        assert!(unit.clients().insert(client).await.unwrap());
    });
}

async fn queue(store: &dyn Store, of: LogoutsOf, user: &User) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.outbox().queue_logouts(of, user.id, now()).await.unwrap()
    })
}

/// The letters as committed, in the order of their ids.
async fn letters(store: &dyn Store) -> Vec<Letter> {
    let request = PageRequest::new(PageRequest::MAX_LIMIT, None);
    let page = store.read().await.unwrap().outbox().page(None, request).await.unwrap();
    assert_eq!(page.next, None, "more letters than a case makes");
    let mut letters = page.items;
    letters.sort_by_key(|letter| letter.id);
    letters
}

/// The logout tokens that are queued [now] for these sessions, in the order of their ids.
fn logouts(user: &User, sessions: &[&Session]) -> Vec<Letter> {
    let logout = |session: &&Session| Letter {
        id: LetterId::from_uuid(session.id.as_uuid()),
        user_id: Some(user.id),
        logout: session.grant().map(|grant| (grant.client, session.id)),
        client: ClientInfo::default(),
        expires_at: now() + Letter::LOGOUT_LIFETIME,
        ..fixtures::letter(LetterKind::BackchannelLogout, &user.email)
    };
    let mut logouts: Vec<Letter> = sessions.iter().map(logout).collect();
    logouts.sort_by_key(|letter| letter.id);
    logouts
}

fn revoked(session: Session) -> Session {
    Session { revoked: Some(Revocation { at: now(), reason: REASON }), ..session }
}

async fn claim(store: &dyn Store, by: ClaimId, at: OffsetDateTime, delivery: Delivery) -> Vec<Letter> {
    let until = at + Letter::LEASE;
    in_unit!(store, |unit| unit.outbox().claim(by, at, until, 9, delivery).await.unwrap())
}

/// A logout token MUST have the id of its session, be due at once, and name user, address, application and session.
pub async fn a_logout_names_its_session(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let session = application_session_of(&user, client.uid, session_id());
    add_sessions(&*store, &[&session]).await;
    assert_eq!(queue(&*store, LogoutsOf::Session(session.id), &user).await, 1);
    let found = letters(&*store).await;
    assert_eq!(found, logouts(&user, &[&session]));
    assert_eq!(found[0].recipient.as_str(), user.email.as_str());
}

/// Only the user's sessions of applications with a logout URI get a logout token, revoked or not.
pub async fn only_announced_applications_get_a_logout(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let other = user_fixture();
    add_users(&*store, &[&other]).await;
    let quiet = fixtures::client(ClientSettings {
        backchannel_logout_uri: None,
        ..application("another application").settings
    });
    add_clients(&*store, &[&quiet]).await;
    let ended = revoked(application_session_of(&user, client.uid, session_id()));
    let silent = application_session_of(&user, quiet.uid, session_id());
    let orphan = application_session_of(&user, application("deleted").uid, session_id());
    let (api, browser) = (fixtures::session_of(&user), browser_session_of(&user));
    let foreign = application_session_of(&other, client.uid, session_id());
    let none = [&silent, &orphan, &api, &browser, &foreign];
    add_sessions(&*store, &[&ended]).await;
    add_sessions(&*store, &none).await;
    for session in none {
        assert_eq!(queue(&*store, LogoutsOf::Session(session.id), &user).await, 0);
    }
    assert_eq!(queue(&*store, LogoutsOf::Session(session_id()), &user).await, 0);
    assert_eq!(queue(&*store, LogoutsOf::Session(ended.id), &user).await, 1);
    assert_eq!(letters(&*store).await, logouts(&user, &[&ended]));
}

/// A session that has a logout token MUST NOT get another, whatever its state.
pub async fn a_session_gets_one_logout(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let browser = session_id();
    let (first, second) = (
        application_session_of(&user, client.uid, browser),
        application_session_of(&user, client.uid, browser),
    );
    add_sessions(&*store, &[&first, &second]).await;
    assert_eq!(queue(&*store, LogoutsOf::Session(first.id), &user).await, 1);
    assert_eq!(queue(&*store, LogoutsOf::Session(first.id), &user).await, 0);
    let by = claim_id();
    let claimed = claim(&*store, by, now(), Delivery::LogoutTokens).await.pop().unwrap();
    let delivered = Letter { state: LetterState::Delivered, claim: None, ..claimed };
    assert!(in_unit!(store, |unit| unit.outbox().update(&delivered, by).await.unwrap()));
    assert_eq!(queue(&*store, LogoutsOf::Browser(browser), &user).await, 1);
    assert_eq!(queue(&*store, LogoutsOf::Browser(browser), &user).await, 0);
    let mut expected = logouts(&user, &[&second]);
    expected.push(delivered);
    expected.sort_by_key(|letter| letter.id);
    assert_eq!(letters(&*store).await, expected);
}

/// Of concurrent units that end the same sessions, each session gets one logout token.
pub async fn of_many_queues_each_session_gets_one(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let sessions: Vec<Session> =
        (0..20).map(|_| application_session_of(&user, client.uid, session_id())).collect();
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    let queued = together((0..8).map(|_| {
        let (store, user) = (store.clone(), user.clone());
        async move { queue(&*store, LogoutsOf::User { except: None }, &user).await }
    }));
    assert_eq!(queued.await.into_iter().sum::<u64>(), 20);
    assert_eq!(letters(&*store).await, logouts(&user, &sessions.iter().collect::<Vec<_>>()));
}

/// Sessions of one browser, of one application, or of the user get logout tokens, if they are not revoked.
pub async fn logouts_are_queued_for_groups_of_sessions(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let other = application("another application");
    add_clients(&*store, &[&other]).await;
    let (browser, sister) = (browser_session_of(&user), browser_session_of(&user));
    let first = application_session_of(&user, client.uid, browser.id);
    let offline = offline_session_of(&user, other.uid, browser.id);
    let expired = Session { expires_at: now(), ..application_session_of(&user, other.uid, browser.id) };
    let elsewhere = application_session_of(&user, client.uid, sister.id);
    let ended = revoked(application_session_of(&user, client.uid, browser.id));
    let former =
        Session { epoch: user.sessions_epoch - 1, ..application_session_of(&user, client.uid, browser.id) };
    let all = [&browser, &sister, &first, &offline, &expired, &elsewhere, &ended, &former];
    add_sessions(&*store, &all).await;
    let of_user = |except: &Session| LogoutsOf::User { except: Some(except.id) };
    for (of, expected) in [
        (LogoutsOf::Browser(browser.id), vec![&first, &offline, &expired]),
        (LogoutsOf::Client(client.uid), vec![&first, &elsewhere]),
        (LogoutsOf::User { except: None }, vec![&first, &offline, &expired, &elsewhere]),
        (of_user(&browser), vec![&first, &offline, &expired, &elsewhere]),
        (of_user(&elsewhere), vec![&first, &offline, &expired]),
        (LogoutsOf::Browser(session_id()), vec![]),
        (LogoutsOf::Client(application("unknown").uid), vec![]),
    ] {
        // Each group is looked at alone: the unit is rolled back.
        let mut unit = store.begin().await.unwrap();
        unit.users().lock(user.id).await.unwrap();
        let queued = unit.outbox().queue_logouts(of, user.id, now()).await.unwrap();
        assert_eq!(queued, expected.len() as u64, "{of:?}");
        let claimed =
            unit.outbox().claim(claim_id(), now(), now(), 100, Delivery::LogoutTokens).await.unwrap();
        unit.rollback().await.unwrap();
        let mut found: Vec<SessionId> =
            claimed.iter().map(|letter| SessionId::from_uuid(letter.id.as_uuid())).collect();
        let mut expected: Vec<SessionId> = expected.iter().map(|session| session.id).collect();
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{of:?}");
    }
    assert_eq!(letters(&*store).await, []);
}

/// `queue_logouts` sees the sessions as its unit leaves them.
pub async fn logouts_follow_the_writes_of_the_unit(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let [stays, ends, new] = [(); 3].map(|()| application_session_of(&user, client.uid, session_id()));
    add_sessions(&*store, &[&stays, &ends]).await;
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().insert(&new).await.unwrap();
        assert!(unit.sessions().revoke(ends.id, user.id, REASON, now()).await.unwrap().is_some());
        let of = LogoutsOf::User { except: None };
        assert_eq!(unit.outbox().queue_logouts(of, user.id, now()).await.unwrap(), 2);
    });
    assert_eq!(letters(&*store).await, logouts(&user, &[&stays, &new]));
}

/// Logout tokens stay when their user or their application is deleted.
pub async fn logouts_stay_after_a_deletion(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let session = application_session_of(&user, client.uid, session_id());
    add_sessions(&*store, &[&session]).await;
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        let of = LogoutsOf::User { except: None };
        assert_eq!(unit.outbox().queue_logouts(of, user.id, now()).await.unwrap(), 1);
        assert!(unit.users().delete(user.id).await.unwrap());
    });
    assert!(in_unit!(store, |unit| unit.clients().delete(client.uid).await.unwrap()));
    assert_eq!(letters(&*store).await, logouts(&user, &[&session]));
    // An unknown user has no sessions.
    let unknown = User { id: user_id(), ..user };
    assert_eq!(queue(&*store, LogoutsOf::User { except: None }, &unknown).await, 0);
}

/// Without mail, a claim MUST take logout tokens only.
pub async fn a_claim_without_mail_takes_logouts_only(store: Arc<dyn Store>) {
    let (user, client) = added(&*store).await;
    let session = application_session_of(&user, client.uid, session_id());
    add_sessions(&*store, &[&session]).await;
    let reset = fixtures::letter(LetterKind::PasswordReset, &fresh_email());
    in_unit!(store, |unit| unit.outbox().insert(&reset).await.unwrap());
    assert_eq!(queue(&*store, LogoutsOf::Session(session.id), &user).await, 1);
    let taken = |letter: &Letter, claim| Letter {
        state: LetterState::Sending,
        claim: Some(claim),
        attempts: letter.attempts + 1,
        next_attempt_at: now() + Letter::LEASE,
        ..letter.clone()
    };
    let logout = logouts(&user, &[&session]).remove(0);
    let (first, second) = (claim_id(), claim_id());
    assert_eq!(claim(&*store, first, now(), Delivery::LogoutTokens).await, [taken(&logout, first)]);
    assert_eq!(claim(&*store, claim_id(), now(), Delivery::LogoutTokens).await, []);
    assert_eq!(claim(&*store, second, now(), Delivery::Letters).await, [taken(&reset, second)]);
    for delivery in [Delivery::Letters, Delivery::LogoutTokens] {
        assert_eq!(claim(&*store, claim_id(), now() + Letter::LEASE, delivery).await.len(), 1);
    }
}
