//! `Store::open_session`: which sessions it starts, which it refuses, and what it waits for.

use std::sync::Arc;

use inwren_domain::account::{User, UserChange};
use inwren_domain::audit::{AuditEvent, AuditEventKind};
use inwren_domain::credential::Account;
use inwren_domain::kernel::{PageRequest, SessionId};
use inwren_domain::outbox::{Letter, LetterKind};
use inwren_domain::session::{
    REVOKED_AT_ONCE, Revocation, RevocationReason, Session, SessionStart, SessionStartOutcome,
};
use inwren_domain::store::Store;
use time::Duration;

use super::support::{
    account_of, add_sessions, add_users, assert_same_account, assert_same_user, assert_waits, events,
    live_of, many_sessions, password_of, session_and_user, session_of, together, updated, user_of,
};
use crate::fixtures::{self, account, now, password_hash, user_fixture};

fn opening_for(user: &User) -> SessionStart {
    let session = fixtures::session_of(user);
    let event =
        AuditEvent { session_id: Some(session.id), ..fixtures::event(AuditEventKind::LoggedIn, user.id) };
    SessionStart {
        session,
        credential_version: user.credential_version,
        rehashed: None,
        event,
        notice: None,
        max_sessions: 100,
    }
}

/// A session start stores the session and the event unchanged, and returns the user.
pub async fn an_opening_keeps_session_and_event(store: Arc<dyn Store>) {
    let (user, other) = (fixtures::distinct_user(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let earlier = fixtures::session_of(&user);
    add_sessions(&*store, &[&earlier]).await;
    let session = fixtures::distinct_session(&user);
    let event = fixtures::distinct_event(AuditEventKind::LoggedIn, user.id);
    let start = SessionStart { session, event, ..opening_for(&user) };
    assert_eq!(store.open_session(&start).await.unwrap(), SessionStartOutcome::Opened(user.clone()));
    let (session, its_user) = session_and_user(&*store, start.session.id).await.unwrap();
    assert_eq!(session, start.session);
    assert_same_user(&its_user, &user);
    assert_eq!(events(&*store).await, [start.event]);
    assert_eq!(session_of(&*store, earlier.id).await, Some(earlier));
    assert_eq!(live_of(&*store, other.id).await, []);
}

/// A session start with a new hash replaces the old one in the same unit, and changes nothing else of the user.
pub async fn an_opening_renews_the_hash(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let hash = password_hash();
    let start = SessionStart { rehashed: Some(hash.clone()), ..opening_for(&user) };
    assert_eq!(store.open_session(&start).await.unwrap(), SessionStartOutcome::Opened(user.clone()));
    let renewed = Account { user, password: Some(hash) };
    assert_same_account(&account_of(&*store, renewed.user.id).await.unwrap(), &renewed);
    assert!(session_of(&*store, start.session.id).await.is_some());
}

/// A session start changes nothing if the user is deleted, inactive, or has changed the password meanwhile: no session,
/// no event, no hash.
pub async fn an_overtaken_opening_changes_nothing(store: Arc<dyn Store>) {
    let (stranger, inactive, changed) =
        (user_fixture(), User { is_active: false, ..user_fixture() }, user_fixture());
    add_users(&*store, &[&inactive, &changed]).await;
    let openings = [&stranger, &inactive, &changed].map(opening_for);
    let hash = password_hash();
    in_unit!(store, |unit| {
        assert!(unit.credentials().change_password(changed.id, 0, &hash, now()).await.unwrap());
    });
    for start in &openings {
        for rehashed in [None, Some(password_hash())] {
            let start = SessionStart { rehashed, ..start.clone() };
            assert_eq!(store.open_session(&start).await.unwrap(), SessionStartOutcome::ChangedMeanwhile);
            assert_eq!(session_of(&*store, start.session.id).await, None);
        }
    }
    assert_eq!(events(&*store).await, []);
    assert_eq!(user_of(&*store, changed.id).await.unwrap().credential_version, 1);
    assert_eq!(password_of(&*store, changed.id).await, Some(hash));
    assert_same_account(&account_of(&*store, inactive.id).await.unwrap(), &account(&inactive));
}

/// Many concurrent session starts, of one user and of several, all succeed, each with its own event.
pub async fn many_openings_at_once_are_all_there(store: Arc<dyn Store>) {
    let users = [user_fixture(), user_fixture(), user_fixture()];
    add_users(&*store, &users.each_ref()).await;
    let openings: Vec<SessionStart> = (0..30).map(|number| opening_for(&users[number % 3])).collect();
    let opened = together(openings.iter().cloned().map(|start| {
        let store = store.clone();
        async move { store.open_session(&start).await.unwrap() }
    }))
    .await;
    for (outcome, start) in opened.iter().zip(&openings) {
        let SessionStartOutcome::Opened(user) = outcome else { panic!("{outcome:?}") };
        assert_eq!(user.id, start.session.user_id);
    }
    for user in &users {
        assert_eq!(live_of(&*store, user.id).await.len(), 10);
    }
    let told: Vec<_> = events(&*store).await.into_iter().map(|event| event.session_id).collect();
    assert_eq!(told.len(), openings.len());
    assert!(openings.iter().all(|start: &SessionStart| told.contains(&Some(start.session.id))));
}

/// A session start waits for the unit that has locked the user, and then sees the result of that unit.
pub async fn an_opening_does_not_slip_past_a_lock(store: Arc<dyn Store>) {
    for deactivates in [true, false] {
        let user = user_fixture();
        add_users(&*store, &[&user]).await;
        let mut unit = store.begin().await.unwrap();
        unit.users().lock(user.id).await.unwrap();
        let start = opening_for(&user);
        let mut waiting = tokio::spawn({
            let (store, start) = (store.clone(), start.clone());
            async move { store.open_session(&start).await.unwrap() }
        });
        assert_waits(&mut waiting).await;
        if deactivates {
            let change = UserChange { is_active: Some(false), ..UserChange::default() };
            updated(unit.users().update(user.id, &change, now()).await.unwrap());
        } else {
            assert!(unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
        }
        unit.commit().await.unwrap();
        assert_eq!(waiting.await.unwrap(), SessionStartOutcome::ChangedMeanwhile);
        let found: Option<Session> = session_of(&*store, start.session.id).await;
        assert_eq!(found, None);
    }
}

/// A session start that waited for a unit goes on after the rollback of that unit.
pub async fn an_opening_goes_on_after_a_rollback(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut unit = store.begin().await.unwrap();
    assert!(unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
    let start = opening_for(&user);
    let mut waiting = tokio::spawn({
        let (store, start) = (store.clone(), start.clone());
        async move { store.open_session(&start).await.unwrap() }
    });
    assert_waits(&mut waiting).await;
    unit.rollback().await.unwrap();
    assert_eq!(waiting.await.unwrap(), SessionStartOutcome::Opened(user));
}

fn used(user: &User, minutes: i64) -> Session {
    Session { last_used_at: now() - Duration::minutes(minutes), ..fixtures::session_of(user) }
}

async fn live_ids(store: &dyn Store, user: &User) -> Vec<SessionId> {
    let mut ids: Vec<SessionId> = live_of(store, user.id).await.iter().map(|session| session.id).collect();
    ids.sort_unstable();
    ids
}

fn sorted(sessions: &[&Session]) -> Vec<SessionId> {
    let mut ids: Vec<SessionId> = sessions.iter().map(|session| session.id).collect();
    ids.sort_unstable();
    ids
}

/// A session beyond the limit MUST end the least recently used ones, whenever they were created, and no session of
/// another user.
pub async fn an_opening_beyond_the_limit_ends_the_least_recently_used(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let [fresh, stale, older, oldest] = [1, 50, 60, 70].map(|minutes| used(&user, minutes));
    let stale = Session { created_at: now() + Duration::HOUR, ..stale };
    add_sessions(&*store, &[&stale, &oldest, &fresh, &older]).await;
    let others = used(&other, 90);
    add_sessions(&*store, &[&others]).await;
    let start = SessionStart { max_sessions: 5, ..opening_for(&user) };
    store.open_session(&start).await.unwrap();
    assert_eq!(live_ids(&*store, &user).await.len(), 5);

    let start = SessionStart { max_sessions: 3, ..opening_for(&user) };
    assert_eq!(store.open_session(&start).await.unwrap(), SessionStartOutcome::Opened(user.clone()));
    let live = live_ids(&*store, &user).await;
    assert_eq!(live.len(), 3);
    assert!(live.contains(&start.session.id) && live.contains(&fresh.id), "{live:?}");
    let revoked = Some(Revocation { at: start.session.created_at, reason: RevocationReason::SessionLimit });
    for session in [stale, older, oldest] {
        let expected = Session { revoked, ..session.clone() };
        assert_eq!(session_of(&*store, session.id).await, Some(expected));
    }
    assert_eq!(live_of(&*store, other.id).await, [others]);
    // One session is the lowest limit of an account.
    let start = SessionStart { max_sessions: 1, rehashed: Some(password_hash()), ..opening_for(&user) };
    store.open_session(&start).await.unwrap();
    assert_eq!(live_ids(&*store, &user).await, [start.session.id]);
}

/// Expired and revoked sessions do not count towards the limit.
pub async fn sessions_that_are_over_give_way_first(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let live = [used(&user, 300), used(&user, 200)];
    let over = [1, 2].map(|minutes| Session { expires_at: now(), ..used(&user, minutes) });
    let revoked = Some(Revocation { at: now(), reason: RevocationReason::Logout });
    let ended = Session { revoked, ..used(&user, 3) };
    add_sessions(&*store, &[&live[0], &over[0], &over[1], &ended, &live[1]]).await;
    let start = SessionStart { max_sessions: 3, ..opening_for(&user) };
    store.open_session(&start).await.unwrap();
    assert_eq!(live_ids(&*store, &user).await, sorted(&[&live[0], &live[1], &start.session]));
    assert_eq!(session_of(&*store, ended.id).await, Some(ended));
}

/// Concurrent session starts MUST NOT leave more sessions than the limit, whether it is reached, near or far away.
pub async fn many_openings_at_once_stay_within_the_limit(store: Arc<dyn Store>) {
    for (before, max_sessions, starts) in [(3, 5, 20), (0, 1, 12), (8, 70, 90)] {
        let user = user_fixture();
        add_users(&*store, &[&user]).await;
        add_sessions(&*store, &many_sessions(&user, before).iter().collect::<Vec<_>>()).await;
        let openings = (0..starts).map(|_| {
            let (store, start) = (store.clone(), SessionStart { max_sessions, ..opening_for(&user) });
            async move { store.open_session(&start).await.unwrap() }
        });
        let opened = together(openings).await;
        assert!(opened.iter().all(|outcome| matches!(outcome, SessionStartOutcome::Opened(_))), "{opened:?}");
        assert_eq!(live_of(&*store, user.id).await.len(), usize::from(max_sessions));
    }
}

/// If an account has far more sessions than the limit, as in a database from before the limit existed, the next session
/// start MUST bring it down to the limit: the newest stay.
pub async fn an_opening_far_beyond_the_limit_keeps_the_newest(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let sessions = many_sessions(&user, usize::from(REVOKED_AT_ONCE) + 40);
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    let start = SessionStart { max_sessions: 10, ..opening_for(&user) };
    let SessionStartOutcome::Opened(found) = store.open_session(&start).await.unwrap() else {
        panic!("not opened")
    };
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &found);
    let (ended, newest) = sessions.split_at(sessions.len() - 9);
    let mut expected: Vec<&Session> = newest.iter().collect();
    expected.push(&start.session);
    assert_eq!(live_ids(&*store, &user).await, sorted(&expected));
    for session in ended {
        let (session, its_user) = session_and_user(&*store, session.id).await.unwrap();
        assert!(!session.is_live(&its_user, now()));
    }
    let start = SessionStart { max_sessions: 10, ..opening_for(&found) };
    store.open_session(&start).await.unwrap();
    assert_eq!(live_ids(&*store, &user).await.len(), 10);
}

/// A session start that waits for a unit which ends all sessions comes after it, and the unit does not end the new
/// session.
pub async fn an_opening_that_waits_for_the_end_of_all_comes_after_it(store: Arc<dyn Store>) {
    for rehashes in [false, true] {
        let user = user_fixture();
        add_users(&*store, &[&user]).await;
        let earlier = fixtures::session_of(&user);
        add_sessions(&*store, &[&earlier]).await;
        let mut unit = store.begin().await.unwrap();
        unit.users().lock(user.id).await.unwrap();
        let rehashed = rehashes.then(password_hash);
        let start = SessionStart { rehashed, ..opening_for(&user) };
        let mut waiting = tokio::spawn({
            let (store, start) = (store.clone(), start.clone());
            async move { store.open_session(&start).await.unwrap() }
        });
        assert_waits(&mut waiting).await;
        let reason = RevocationReason::RevokedByUser;
        assert_eq!(unit.sessions().revoke_all(user.id, None, reason, now()).await.unwrap(), 1);
        unit.commit().await.unwrap();
        assert!(matches!(waiting.await.unwrap(), SessionStartOutcome::Opened(_)));
        assert_eq!(live_ids(&*store, &user).await, [start.session.id]);
        assert_eq!(session_of(&*store, start.session.id).await.unwrap().epoch, 1);
    }
}

/// A session start stores its notice in the same unit, at most one of a kind within the interval, and none if the
/// credential changed meanwhile.
pub async fn an_opening_keeps_its_notice_once(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let noticed = |minutes| {
        let notice = Letter {
            user_id: Some(user.id),
            created_at: now() + Duration::minutes(minutes),
            ..fixtures::letter(LetterKind::NewDevice, &user.email)
        };
        SessionStart { notice: Some(notice), ..opening_for(&user) }
    };
    let (first, second, third) = (noticed(0), noticed(59), noticed(60));
    let refused = SessionStart { credential_version: 1, ..noticed(180) };
    assert_eq!(store.open_session(&refused).await.unwrap(), SessionStartOutcome::ChangedMeanwhile);
    for start in [&first, &second, &third] {
        assert_eq!(store.open_session(start).await.unwrap(), SessionStartOutcome::Opened(user.clone()));
        assert_eq!(session_of(&*store, start.session.id).await.as_ref(), Some(&start.session));
    }
    let mut view = store.read().await.unwrap();
    let letters = view.outbox().page(None, PageRequest::new(9, None)).await.unwrap().items;
    let kept: Vec<Letter> = [third, first].into_iter().filter_map(|start| start.notice).collect();
    assert_eq!(letters, kept);
}
