//! `Store::rotate_session`: the outcome of one attempt, and of many concurrent ones.

use std::sync::Arc;

use inwren_domain::account::{User, UserChange};
use inwren_domain::kernel::{ClientInfo, SessionId};
use inwren_domain::session::{Rekey, Revocation, RevocationReason, Rotation, RotationOutcome, Session};
use inwren_domain::store::Store;
use time::Duration;

use super::support::{
    add_sessions, add_users, assert_same_user, session_and_user, session_of, together, updated, user_of,
};
use crate::fixtures::{self, digest, now, refresh_jti, rotation_of, unique, user_fixture, user_id};

/// A rotation returns the session as [`Rotation::applied_to`] computes it and its user, and stores that session.
pub async fn a_rotation_applies_exactly_what_it_says(store: Arc<dyn Store>) {
    let (user, mut session) = opened(&*store).await;
    let sister = fixtures::session_of(&user);
    let (expires_at, max_expires_at) = (now() + Duration::DAY, now() + Duration::WEEK);
    let odd = Session { expires_at, max_expires_at, ..fixtures::distinct_session(&user) };
    add_sessions(&*store, &[&sister, &odd]).await;
    let rotation = rotation_of(&odd);
    let expected = rotation.applied_to(&odd);
    let outcome = store.rotate_session(&rotation).await.unwrap();
    assert_eq!(outcome, RotationOutcome::Rotated(expected.clone(), user.clone()));
    assert_eq!(session_of(&*store, odd.id).await, Some(expected));
    for _ in 0..3 {
        let rotation = rotation_of(&session);
        let expected = rotation.applied_to(&session);
        match store.rotate_session(&rotation).await.unwrap() {
            RotationOutcome::Rotated(rotated, its_user) => {
                assert_eq!(rotated, expected);
                assert_same_user(&its_user, &user);
            }
            other => panic!("not rotated: {other:?}"),
        }
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(&expected));
        session = expected;
    }
    assert_eq!(session_of(&*store, sister.id).await, Some(sister));
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
}

/// A rotation MUST store the client of its request, also for concurrent rotations, and MUST leave the client of the
/// login. A raced attempt MUST change neither.
pub async fn a_rotation_keeps_the_last_client(store: Arc<dyn Store>) {
    let user = user_fixture();
    let mut sessions: Vec<Session> = (0..8).map(|_| fixtures::session_of(&user)).collect();
    add_users(&*store, &[&user]).await;
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    let first = sessions[0].client.clone();
    let v6 = Some("2001:db8::7".parse().unwrap());
    let clients = [
        ClientInfo::new(v6, Some("Ünïcode/2.0 ('quoted\", {braced})")),
        ClientInfo::new(Some([203, 0, 113, 9].into()), None),
        ClientInfo::new(None, Some("NULL")),
        ClientInfo::default(),
        first.clone(),
    ];
    for round in 0..clients.len() {
        let client_of = |n: usize| clients[(n + round) % clients.len()].clone();
        let attempts = sessions.iter().enumerate().map(|(n, session)| {
            let (store, rotation) =
                (store.clone(), Rotation { client: client_of(n), ..rotation_of(session) });
            async move { store.rotate_session(&rotation).await.unwrap() }
        });
        for (n, outcome) in together(attempts).await.into_iter().enumerate() {
            let RotationOutcome::Rotated(rotated, _) = outcome else { panic!("not rotated: {outcome:?}") };
            let kept = session_of(&*store, rotated.id).await.unwrap();
            assert_eq!((&kept.client, &kept.last_client), (&first, &client_of(n)));
            assert_eq!(kept, rotated);
            let again = Rotation { at: rotated.rotated_at, ..rotation_of(&sessions[n]) };
            assert_refused(&*store, &again, &RotationOutcome::Raced(rotated.clone(), user.clone())).await;
            sessions[n] = rotated;
        }
    }
}

/// The previous token gets the winner's session within the grace period, and is reuse from its end on.
pub async fn the_token_before_is_raced_within_the_grace_and_reused_after(store: Arc<dyn Store>) {
    let (user, session, winner) = rotated(&*store).await;
    let grace = Duration::seconds(10);
    let tick = Duration::MICROSECOND;
    let again = |after: Duration, reuse_grace| Rotation {
        at: winner.rotated_at + after,
        reuse_grace,
        ..rotation_of(&session)
    };
    let raced = RotationOutcome::Raced(winner.clone(), user);
    let reused = RotationOutcome::Reused(winner.clone());
    assert_refused(&*store, &again(Duration::ZERO, grace), &raced).await;
    assert_refused(&*store, &again(grace - tick, grace), &raced).await;
    assert_refused(&*store, &again(grace, grace), &reused).await;
    assert_refused(&*store, &again(grace + tick, grace), &reused).await;
    assert_refused(&*store, &again(Duration::ZERO, Duration::ZERO), &reused).await;
    assert_refused(&*store, &again(tick, tick), &reused).await;
    // Another instance's clock may be behind, and the loser of a race may have read the clock before the winner did.
    assert_refused(&*store, &again(-tick, grace), &raced).await;
    assert_refused(&*store, &again(-tick, Duration::ZERO), &reused).await;
}

/// If the live token may not have reached the client, the previous token MUST be raced with any grace period; an older
/// token, or another live one, is reuse.
pub async fn an_undelivered_successor_is_raced_without_a_grace(store: Arc<dyn Store>) {
    let (user, session, winner) = rotated(&*store).await;
    let retry = |undelivered| Rotation {
        at: winner.rotated_at + Duration::DAY,
        reuse_grace: Duration::ZERO,
        undelivered,
        ..rotation_of(&session)
    };
    let attempted = vec![digest(unique()), winner.hashed_refresh_token, digest(unique())];
    let raced = RotationOutcome::Raced(winner.clone(), user);
    assert_refused(&*store, &retry(attempted.clone()), &raced).await;
    assert_refused(&*store, &retry(vec![digest(unique())]), &RotationOutcome::Reused(winner.clone())).await;
    let foreign = Rotation { presented: digest(unique()), ..retry(attempted.clone()) };
    assert_refused(&*store, &foreign, &RotationOutcome::Reused(winner.clone())).await;
    let rotation = rotation_of(&winner);
    let third = rotation.applied_to(&winner);
    assert!(matches!(store.rotate_session(&rotation).await.unwrap(), RotationOutcome::Rotated(..)));
    assert_refused(&*store, &retry(attempted), &RotationOutcome::Reused(third)).await;
}

/// A token from two generations ago is reuse, even within the grace period; so is a token that was never issued.
pub async fn an_older_token_is_reused_even_within_the_grace(store: Arc<dyn Store>) {
    let (_, first, second) = rotated(&*store).await;
    let rotation = rotation_of(&second);
    let third = rotation.applied_to(&second);
    assert!(matches!(store.rotate_session(&rotation).await.unwrap(), RotationOutcome::Rotated(..)));
    let reused = RotationOutcome::Reused(third.clone());
    assert_refused(&*store, &Rotation { at: third.rotated_at, ..rotation_of(&first) }, &reused).await;
    let foreign = Rotation { presented: digest(unique()), ..rotation_of(&third) };
    assert_refused(&*store, &foreign, &reused).await;
}

/// Tokens from before a re-key are superseded, without any grace period; tokens from after it rotate, and can be
/// reused.
pub async fn tokens_from_before_a_rekey_are_superseded(store: Arc<dyn Store>) {
    let (_, first, second) = rotated(&*store).await;
    let rekey = Rekey {
        session_id: second.id,
        user_id: second.user_id,
        generation: 5,
        refresh_jti: refresh_jti(5),
        hashed_refresh_token: digest(unique()),
        at: second.rotated_at + Duration::SECOND,
        authenticated_at: second.authenticated_at,
        assurance: second.assurance.clone(),
        expires_at: second.expires_at,
        client: ClientInfo::default(),
    };
    assert!(in_unit!(store, |unit| {
        unit.users().lock(second.user_id).await.unwrap();
        unit.sessions().rekey(&rekey).await.unwrap()
    }));
    let rekeyed = session_of(&*store, second.id).await.unwrap();
    let just_before = Session { generation: 4, hashed_refresh_token: digest(unique()), ..second.clone() };
    for old in [&first, &second, &just_before] {
        let attempt = Rotation { at: rekey.at, ..rotation_of(old) };
        assert_refused(&*store, &attempt, &RotationOutcome::Superseded).await;
    }
    let rotation = rotation_of(&rekeyed);
    let next = rotation.applied_to(&rekeyed);
    assert!(matches!(store.rotate_session(&rotation).await.unwrap(), RotationOutcome::Rotated(..)));
    let again = Rotation { reuse_grace: Duration::ZERO, at: next.rotated_at, ..rotation_of(&rekeyed) };
    assert_refused(&*store, &again, &RotationOutcome::Reused(next.clone())).await;
    let attempt = Rotation { at: next.rotated_at, ..rotation_of(&second) };
    assert_refused(&*store, &attempt, &RotationOutcome::Superseded).await;
}

/// A successor that would outlive the session is refused with the end of the session; one that expires at that time is
/// issued.
pub async fn a_successor_does_not_outlive_the_session(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let end = session.max_expires_at;
    let too_long = Rotation { expires_at: end + Duration::MICROSECOND, ..rotation_of(&session) };
    assert_refused(&*store, &too_long, &RotationOutcome::Capped(end)).await;
    let capped = Rotation { expires_at: end, ..too_long };
    let expected = RotationOutcome::Rotated(capped.applied_to(&session), user);
    assert_eq!(store.rotate_session(&capped).await.unwrap(), expected);
}

/// A session is ended if it was revoked, or if its token or the whole session has expired.
pub async fn an_ended_session_is_not_rotated(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let tick = Duration::MICROSECOND;
    let late = Rotation {
        at: session.expires_at,
        expires_at: session.expires_at + Duration::DAY,
        ..rotation_of(&session)
    };
    assert_refused(&*store, &late, &RotationOutcome::Ended).await;
    assert_refused(&*store, &Rotation { at: late.at + tick, ..late.clone() }, &RotationOutcome::Ended).await;

    let at = rotation_of(&session).at;
    let over = Session { max_expires_at: at, ..fixtures::session_of(&user) };
    let revocation = Revocation { at: now(), reason: RevocationReason::Logout };
    let revoked = Session { revoked: Some(revocation), ..fixtures::session_of(&user) };
    add_sessions(&*store, &[&over, &revoked]).await;
    for ended in [&over, &revoked] {
        let rotation = Rotation { expires_at: at, ..rotation_of(ended) };
        assert_refused(&*store, &rotation, &RotationOutcome::Ended).await;
        let foreign = Rotation { presented: digest(unique()), ..rotation };
        assert_refused(&*store, &foreign, &RotationOutcome::Ended).await;
    }

    let in_time = Rotation { at: session.expires_at - tick, ..late };
    assert!(matches!(store.rotate_session(&in_time).await.unwrap(), RotationOutcome::Rotated(..)));
}

/// An inactive user gets no successor.
pub async fn an_inactive_user_gets_no_successor(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let change = UserChange { is_active: Some(false), ..UserChange::default() };
    updated(in_unit!(store, |unit| unit.users().update(user.id, &change, now()).await.unwrap()));
    assert_refused(&*store, &rotation_of(&session), &RotationOutcome::Inactive).await;
    let foreign = Rotation { presented: digest(unique()), ..rotation_of(&session) };
    assert_refused(&*store, &foreign, &RotationOutcome::Inactive).await;
}

/// An unknown session, or another user's, is unknown.
pub async fn a_foreign_session_is_unknown(store: Arc<dyn Store>) {
    let (_, session) = opened(&*store).await;
    let (stranger, _) = opened(&*store).await;
    let foreign = Rotation { user_id: stranger.id, ..rotation_of(&session) };
    assert_refused(&*store, &foreign, &RotationOutcome::Unknown).await;
    let nobodys = Rotation { user_id: user_id(), ..rotation_of(&session) };
    assert_refused(&*store, &nobodys, &RotationOutcome::Unknown).await;
    let missing = SessionId::from_uuid(user_id().as_uuid());
    let missing = Rotation { session_id: missing, ..rotation_of(&session) };
    assert_eq!(store.rotate_session(&missing).await.unwrap(), RotationOutcome::Unknown);
    assert_eq!(session_of(&*store, session.id).await, Some(session));
}

/// Of many concurrent attempts with one token exactly one MUST rotate; within the grace period all others get its
/// session.
pub async fn of_many_rotations_exactly_one_wins_and_the_others_get_its_session(store: Arc<dyn Store>) {
    for _ in 0..5 {
        let (user, session) = opened(&*store).await;
        let (winner, others) = rotate_at_once(&store, &session, Duration::seconds(10)).await;
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(&winner));
        for outcome in others {
            assert_eq!(outcome, RotationOutcome::Raced(winner.clone(), user.clone()));
        }
    }
}

/// Of many concurrent attempts with one token exactly one MUST rotate; without a grace period all others are reuse.
pub async fn without_a_grace_all_but_one_rotation_are_reuse(store: Arc<dyn Store>) {
    for _ in 0..5 {
        let (_, session) = opened(&*store).await;
        let (winner, others) = rotate_at_once(&store, &session, Duration::ZERO).await;
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(&winner));
        for outcome in others {
            assert_eq!(outcome, RotationOutcome::Reused(winner.clone()));
        }
    }
}

async fn rotate_at_once(
    store: &Arc<dyn Store>,
    session: &Session,
    reuse_grace: Duration,
) -> (Session, Vec<RotationOutcome>) {
    let attempts = (0..32).map(|_| {
        let (store, rotation) = (store.clone(), Rotation { reuse_grace, ..rotation_of(session) });
        async move { store.rotate_session(&rotation).await.unwrap() }
    });
    let outcomes = together(attempts).await;
    let rotated = |outcome: &RotationOutcome| matches!(outcome, RotationOutcome::Rotated(..));
    let (mut winners, others): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(rotated);
    assert_eq!((winners.len(), others.len()), (1, 31));
    match winners.pop() {
        Some(RotationOutcome::Rotated(winner, _)) => (winner, others),
        _ => unreachable!("a winner was rotated"),
    }
}

/// Checks that the attempt has the expected outcome. A refused attempt MUST change nothing.
async fn assert_refused(store: &dyn Store, rotation: &Rotation, expected: &RotationOutcome) {
    let before = session_and_user(store, rotation.session_id).await.expect("a session");
    let outcome = store.rotate_session(rotation).await.unwrap();
    assert_eq!(&outcome, expected);
    if let RotationOutcome::Raced(_, user) = &outcome {
        assert_same_user(user, &before.1);
    }
    assert_eq!(session_and_user(store, rotation.session_id).await, Some(before));
}

/// A user with a live session.
async fn opened(store: &dyn Store) -> (User, Session) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    add_users(store, &[&user]).await;
    add_sessions(store, &[&session]).await;
    (user, session)
}

/// A user with a session before and after its first rotation.
async fn rotated(store: &dyn Store) -> (User, Session, Session) {
    let (user, session) = opened(store).await;
    let rotation = rotation_of(&session);
    let winner = rotation.applied_to(&session);
    let expected = RotationOutcome::Rotated(winner.clone(), user.clone());
    assert_eq!(store.rotate_session(&rotation).await.unwrap(), expected);
    (user, session, winner)
}
