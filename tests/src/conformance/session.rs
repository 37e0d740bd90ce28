//! `SessionReader` and `SessionRepository`, without rotations and races.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::authn::{Acr, Amr, Assurance};
use inwren_domain::kernel::{ClientInfo, PageRequest, SessionId};
use inwren_domain::session::{
    REVOKED_AT_ONCE, Rekey, Revocation, RevocationReason, RotationOutcome, Session,
};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{
    add_sessions, add_users, assert_same_user, live_at, live_of, many_sessions, session_and_user, session_of,
    together, user_of,
};
use crate::fixtures::{self, digest, now, refresh_jti, unique, user_fixture, user_id};

const REASON: RevocationReason = RevocationReason::RevokedByUser;

/// Every field of an inserted session is read back unchanged, together with its user.
pub async fn inserted_is_read_back_exactly_with_its_user(store: Arc<dyn Store>) {
    let user = fixtures::distinct_user();
    add_users(&*store, &[&user, &user_fixture()]).await;
    let agent = "Ünïcode/1.0 (\u{1f980}; 'quoted\") ".repeat(20);
    let v6 = ClientInfo::new(Some("2001:db8:0:1::a".parse().unwrap()), Some(&agent));
    let mapped = ClientInfo::new(Some("::ffff:192.0.2.7".parse().unwrap()), None);
    let tick = |n| now() + Duration::microseconds(n);
    let odd = Session {
        client: v6,
        last_client: ClientInfo::new(None, Some("Überall/2.0")),
        epoch: 1 << 41,
        ..fixtures::distinct_session(&user)
    };
    let bare = ClientInfo::default();
    let bare = Session { client: bare.clone(), last_client: bare, ..fixtures::session_of(&user) };
    let mapped = Session { client: mapped.clone(), last_client: mapped, ..fixtures::session_of(&user) };
    let reasons = [
        RevocationReason::Logout,
        RevocationReason::RevokedByUser,
        RevocationReason::RevokedByAdmin,
        RevocationReason::PasswordChanged,
        RevocationReason::EmailChanged,
        RevocationReason::FactorsChanged,
        RevocationReason::Deactivated,
        RevocationReason::Demoted,
        RevocationReason::RefreshTokenReused,
        RevocationReason::SessionLimit,
        RevocationReason::ConsentRevoked,
        RevocationReason::CodeReused,
    ];
    let revoked = reasons.map(|reason| Session {
        revoked: Some(Revocation { at: tick(7), reason }),
        ..fixtures::session_of(&user)
    });
    for session in [odd, bare, mapped].iter().chain(&revoked) {
        add_sessions(&*store, &[session]).await;
        let (found, its_user) = session_and_user(&*store, session.id).await.unwrap();
        assert_eq!(&found, session);
        assert_same_user(&its_user, &user);
    }
    let nobodys = SessionId::from_uuid(user.id.as_uuid());
    assert_eq!(session_and_user(&*store, nobodys).await, None);
}

/// `with_user` returns the user's current state, active or not.
pub async fn a_session_comes_with_its_user_as_it_is_now(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let change = inwren_domain::account::UserChange { is_active: Some(false), ..Default::default() };
    in_unit!(store, |unit| drop(unit.users().update(user.id, &change, now()).await.unwrap()));
    let (found, its_user) = session_and_user(&*store, session.id).await.unwrap();
    assert_eq!(found, session);
    assert_same_user(&its_user, &change.applied_to(&user, now()));
}

/// `live_of` returns the user's live sessions and no others, newest first.
pub async fn the_live_ones_are_listed_newest_first(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let at = now();
    let made = |created_at| Session { created_at, ..fixtures::session_of(&user) };
    let tick = Duration::MICROSECOND;
    let oldest = made(at - Duration::days(2));
    let newest = made(at + tick);
    let middle = Session { expires_at: at + tick, max_expires_at: at + tick, ..made(at) };
    let revoked = Session { revoked: Some(Revocation { at, reason: REASON }), ..made(at) };
    let expired = Session { expires_at: at, ..made(at) };
    let over = Session { expires_at: at, max_expires_at: at, ..made(at) };
    let capped = Session { max_expires_at: at, ..made(at) };
    add_sessions(&*store, &[&middle, &oldest, &revoked, &newest, &expired, &over, &capped]).await;
    let others = fixtures::session_of(&other);
    add_sessions(&*store, &[&others]).await;

    assert_eq!(live_of(&*store, user.id).await, [newest.clone(), middle, oldest.clone()]);
    assert_eq!(live_of(&*store, other.id).await, [others]);
    assert_eq!(live_of(&*store, user_id()).await, []);
    let later = live_at(&*store, user.id, at + tick).await;
    assert_eq!(later, [newest, oldest]);
}

/// `live_of` returns pages: each session MUST come exactly once, newest first, also among sessions of the same time.
pub async fn the_live_ones_come_in_pages(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut sessions = many_sessions(&user, 5);
    sessions.extend([fixtures::session_of(&user), fixtures::session_of(&user)]);
    sessions.push(Session { expires_at: now(), ..fixtures::session_of(&user) });
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;
    sessions.pop();
    sessions.sort_by_key(|session| std::cmp::Reverse((session.created_at, session.id)));
    for limit in [1, 2, 6, 7, 8] {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = PageRequest::new(limit, after);
            let page = store.read().await.unwrap().sessions().live_of(user.id, now(), page).await.unwrap();
            assert!(page.items.len() <= usize::from(limit));
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        assert_eq!(found, sessions, "{limit} on a page");
    }
}

/// `recent_addresses` reads the newest sessions of the user, live or not; sessions without an address add none.
pub async fn the_addresses_are_those_of_the_newest_sessions(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let from = |of: &User, minute, address: Option<&str>| Session {
        created_at: now() + Duration::minutes(minute),
        client: ClientInfo::new(address.map(|text| text.parse().unwrap()), None),
        ..fixtures::session_of(of)
    };
    let revoked = Some(Revocation { at: now(), reason: REASON });
    let sessions = [
        from(&user, 3, Some("2001:db8::3")),
        from(&user, 1, Some("192.0.2.1")),
        Session { revoked, ..from(&user, 4, Some("192.0.2.4")) },
        from(&user, 2, None),
        from(&other, 5, Some("192.0.2.5")),
        from(&user, 0, Some("192.0.2.1")),
    ];
    for session in &sessions {
        add_sessions(&*store, &[session]).await;
    }
    let mut view = store.read().await.unwrap();
    let written_otherwise = fixtures::email(&user.email.as_str().to_uppercase());
    let mut found = async |email, limit| {
        let addresses = view.sessions().recent_addresses(email, limit).await.unwrap();
        let mut addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
        addresses.sort();
        addresses
    };
    let all = ["192.0.2.1", "192.0.2.4", "2001:db8::3"];
    assert_eq!(found(&written_otherwise, 10).await, all);
    assert_eq!(found(&user.email, 2).await, all[1..]);
    assert!(found(&fixtures::fresh_email(), 10).await.is_empty());
}

/// `is_live` returns `true` for a live session of the user, and for no other.
pub async fn it_is_told_which_sessions_are_live(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let (stranger, _) = opened(&*store).await;
    let is_live = async |id: SessionId, user: &User, at: OffsetDateTime| {
        in_unit!(store, |unit| {
            unit.users().lock(user.id).await.unwrap();
            unit.sessions().is_live(id, user.id, at).await.unwrap()
        })
    };
    assert!(is_live(session.id, &user, now()).await);
    assert!(is_live(session.id, &user, session.expires_at - Duration::MICROSECOND).await);
    assert!(!is_live(session.id, &user, session.expires_at).await);
    assert!(!is_live(session.id, &stranger, now()).await);
    assert!(!is_live(SessionId::from_uuid(user_id().as_uuid()), &user, now()).await);
    let capped = Session { max_expires_at: now(), ..fixtures::session_of(&user) };
    add_sessions(&*store, &[&capped]).await;
    assert!(!is_live(capped.id, &user, now()).await);
    assert!(revoke(&*store, session.id, &user, now()).await);
    assert!(!is_live(session.id, &user, now()).await);
}

/// `revoke` ends the user's live session and no other, and leaves its other fields.
pub async fn a_revocation_ends_one_session(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let sister = fixtures::session_of(&user);
    add_sessions(&*store, &[&sister]).await;
    let at = now() + Duration::new(1, 1_000);
    assert!(revoke(&*store, session.id, &user, at).await);
    let expected = Session { revoked: Some(Revocation { at, reason: REASON }), ..session.clone() };
    assert_eq!(session_of(&*store, session.id).await, Some(expected));
    assert_eq!(live_of(&*store, user.id).await, [sister]);
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
}

/// `revoke` MUST change nothing and return `None` for a session that is another user's, ended, or unknown.
pub async fn a_revocation_of_no_live_session_of_the_user_changes_nothing(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let (stranger, _) = opened(&*store).await;
    assert!(!revoke(&*store, session.id, &stranger, now()).await);
    assert!(!revoke(&*store, SessionId::from_uuid(user_id().as_uuid()), &user, now()).await);
    assert!(!revoke(&*store, session.id, &user, session.expires_at).await);
    assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(&session));

    let capped = Session { max_expires_at: now(), ..fixtures::session_of(&user) };
    add_sessions(&*store, &[&capped]).await;
    assert!(!revoke(&*store, capped.id, &user, now()).await);
    assert_eq!(session_of(&*store, capped.id).await, Some(capped));

    assert!(revoke(&*store, session.id, &user, now()).await);
    let revoked = session_of(&*store, session.id).await;
    let later = now() + Duration::SECOND;
    assert!(!revoke(&*store, session.id, &user, later).await);
    assert_eq!(session_of(&*store, session.id).await, revoked);
}

/// `revoke_all` ends the user's unrevoked sessions, all or all but one, and returns how many those were.
pub async fn revoking_all_ends_what_was_not_revoked_and_counts_it(store: Arc<dyn Store>) {
    let (user, first) = opened(&*store).await;
    let (stranger, others) = opened(&*store).await;
    let (second, third) = (fixtures::session_of(&user), fixtures::session_of(&user));
    let expired = Session { expires_at: now(), ..fixtures::session_of(&user) };
    let capped = Session { max_expires_at: now(), ..fixtures::session_of(&user) };
    let revoked_before = Revocation { at: now() - Duration::SECOND, reason: RevocationReason::Logout };
    let revoked = Session { revoked: Some(revoked_before), ..fixtures::session_of(&user) };
    add_sessions(&*store, &[&second, &third, &expired, &capped, &revoked]).await;

    let at = now() + Duration::MICROSECOND;
    assert_eq!(revoke_all(&*store, &user, Some(second.id), at).await, 4);
    for session in [&first, &third, &expired, &capped] {
        let expected = Session { revoked: Some(Revocation { at, reason: REASON }), ..session.clone() };
        assert_eq!(session_of(&*store, session.id).await, Some(expected));
    }
    let kept = Session { epoch: 1, ..second.clone() };
    for session in [&kept, &revoked, &others] {
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(session));
    }
    assert_eq!(revoke_all(&*store, &user, Some(second.id), at).await, 0);
    let kept = Session { epoch: 2, ..kept };
    assert_eq!(live_of(&*store, user.id).await, [kept]);
    assert_eq!(revoke_all(&*store, &user, Some(others.id), at).await, 1);
    assert_eq!(session_of(&*store, others.id).await, Some(others));
    assert_eq!(revoke_all(&*store, &user, None, at).await, 0);
    assert_eq!(live_of(&*store, user.id).await, []);
    assert_eq!(revoke_all(&*store, &stranger, None, at).await, 1);
}

/// `revoke_all` ends any number of sessions, though it updates a bounded number of rows: every method treats the rest
/// as ended, and a sweep deletes them after they expire. The kept session goes on.
pub async fn revoking_all_ends_more_than_it_writes(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut sessions = many_sessions(&user, usize::from(REVOKED_AT_ONCE) + 30);
    let kept = Session { created_at: now() - Duration::DAY, ..fixtures::session_of(&user) };
    sessions.push(kept.clone());
    add_sessions(&*store, &sessions.iter().collect::<Vec<_>>()).await;

    assert_eq!(revoke_all(&*store, &user, Some(kept.id), now()).await, u64::from(REVOKED_AT_ONCE));
    let kept = Session { epoch: 1, ..kept };
    assert_eq!(live_of(&*store, user.id).await, std::slice::from_ref(&kept));
    // `revoke_all` updated the rows of the newest sessions, so not of these.
    let (left, written) = (&sessions[..30], &sessions[30..sessions.len() - 1]);
    for session in left {
        let (found, its_user) = session_and_user(&*store, session.id).await.unwrap();
        assert!(!found.is_live(&its_user, now()));
        assert!(!in_unit!(store, |unit| unit.sessions().is_live(session.id, user.id, now()).await.unwrap()));
        assert!(!revoke(&*store, session.id, &user, now()).await);
        assert!(!in_unit!(store, |unit| unit.sessions().rekey(&rekey_of(session)).await.unwrap()));
        let outcome = store.rotate_session(&fixtures::rotation_of(session)).await.unwrap();
        assert_eq!(outcome, RotationOutcome::Ended);
    }
    for session in written {
        let revocation = session_of(&*store, session.id).await.unwrap().revoked;
        assert_eq!(revocation, Some(Revocation { at: now(), reason: REASON }));
    }
    let outcome = store.rotate_session(&fixtures::rotation_of(&kept)).await.unwrap();
    assert!(matches!(outcome, RotationOutcome::Rotated(..)), "{outcome:?}");
    // A second call ends no session that has already ended.
    assert_eq!(revoke_all(&*store, &user, Some(kept.id), now()).await, 0);
    let after = left[0].expires_at + Duration::MICROSECOND;
    assert_eq!(sweep(&*store, after, 1_000).await, sessions.len() as u64 - 1);
}

/// `rekey` gives the session a new token, removes the previous one, and sets the times and the assurance that
/// belong to the new one.
pub async fn a_rekey_replaces_the_token_and_forgets_the_one_before(store: Arc<dyn Store>) {
    let (user, _) = opened(&*store).await;
    let session = Session {
        generation: 4,
        previous_hashed_refresh_token: Some(digest(unique())),
        is_for_enrolment: true,
        ..fixtures::session_of(&user)
    };
    let sister = fixtures::session_of(&user);
    add_sessions(&*store, &[&session, &sister]).await;
    let rekey = rekey_of(&session);
    assert!(in_unit!(store, |unit| unit.sessions().rekey(&rekey).await.unwrap()));
    let expected = Session {
        generation: rekey.generation,
        rekeyed_generation: rekey.generation,
        refresh_jti: rekey.refresh_jti,
        hashed_refresh_token: rekey.hashed_refresh_token,
        previous_hashed_refresh_token: None,
        rotated_at: rekey.at,
        authenticated_at: rekey.authenticated_at,
        assurance: rekey.assurance,
        last_used_at: rekey.at,
        expires_at: rekey.expires_at,
        last_client: rekey.client,
        ..session
    };
    assert_eq!(session_of(&*store, expected.id).await, Some(expected));
    assert_eq!(session_of(&*store, sister.id).await, Some(sister));
}

/// `rekey` MUST change nothing and return `false` if the session is another user's, not live, or unknown.
pub async fn a_rekey_of_no_live_session_of_the_user_changes_nothing(store: Arc<dyn Store>) {
    let (user, session) = opened(&*store).await;
    let (stranger, _) = opened(&*store).await;
    let good = rekey_of(&session);
    let capped = Session { max_expires_at: good.at, ..fixtures::session_of(&user) };
    let revoked = Revocation { at: now(), reason: REASON };
    let revoked = Session { revoked: Some(revoked), ..fixtures::session_of(&user) };
    add_sessions(&*store, &[&capped, &revoked]).await;
    let late =
        Rekey { at: session.expires_at, expires_at: session.expires_at + Duration::MINUTE, ..good.clone() };
    for bad in [
        Rekey { user_id: stranger.id, ..good.clone() },
        Rekey { session_id: SessionId::from_uuid(user_id().as_uuid()), ..good.clone() },
        late,
        rekey_of(&capped),
        rekey_of(&revoked),
    ] {
        assert!(!in_unit!(store, |unit| unit.sessions().rekey(&bad).await.unwrap()));
    }
    for session in [session, capped, revoked] {
        assert_eq!(session_of(&*store, session.id).await, Some(session));
    }
}

/// `sweep_ended` deletes sessions that ended before the time, for any reason, and MUST leave the rest.
pub async fn a_sweep_takes_what_ended_before(store: Arc<dyn Store>) {
    let (user, live) = opened(&*store).await;
    let before = now();
    let tick = Duration::MICROSECOND;
    let ended = |expires_at, revoked_at: Option<OffsetDateTime>| Session {
        created_at: now() - Duration::days(60),
        expires_at,
        revoked: revoked_at.map(|at| Revocation { at, reason: REASON }),
        ..fixtures::session_of(&user)
    };
    let later = before + Duration::days(1);
    let old = [
        ended(before - tick, None),
        ended(before - Duration::days(50), None),
        ended(later, Some(before - tick)),
        ended(before - tick, Some(before - Duration::days(2))),
    ];
    let kept = [ended(before, None), ended(before + tick, None), ended(later, Some(before)), live];
    add_sessions(&*store, &old.iter().chain(&kept[..3]).collect::<Vec<_>>()).await;

    assert_eq!(sweep(&*store, before, 500).await, 4);
    for session in &old {
        assert_eq!(session_of(&*store, session.id).await, None);
    }
    for session in &kept {
        assert_eq!(session_of(&*store, session.id).await.as_ref(), Some(session));
    }
    assert_eq!(sweep(&*store, before, 500).await, 0);
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
}

/// `sweep_ended` deletes at most the given number of sessions, and returns how many it deleted.
pub async fn a_sweep_goes_by_batches(store: Arc<dyn Store>) {
    let (user, live) = opened(&*store).await;
    let old: Vec<Session> = (0..7)
        .map(|_| Session { expires_at: now() - Duration::DAY, ..fixtures::session_of(&user) })
        .collect();
    add_sessions(&*store, &old.iter().collect::<Vec<_>>()).await;
    for (expected, left) in [(3, 4), (3, 1), (1, 0), (0, 0)] {
        assert_eq!(sweep(&*store, now(), 3).await, expected);
        let mut found = 0;
        for session in &old {
            found += usize::from(session_of(&*store, session.id).await.is_some());
        }
        assert_eq!(found, left);
    }
    assert_eq!(live_of(&*store, user.id).await, [live]);
}

/// Exactly one of several concurrent sweeps MUST delete and count each session.
pub async fn sweeps_at_once_count_each_session_once(store: Arc<dyn Store>) {
    let (user, live) = opened(&*store).await;
    let old: Vec<Session> = (0..60)
        .map(|_| Session { expires_at: now() - Duration::DAY, ..fixtures::session_of(&user) })
        .collect();
    add_sessions(&*store, &old.iter().collect::<Vec<_>>()).await;
    let sweeps = (0..4).map(|_| {
        let store = store.clone();
        async move {
            let mut swept = 0;
            for _ in 0..10 {
                swept += sweep(&*store, now(), 5).await;
            }
            swept
        }
    });
    let counted: u64 = together(sweeps).await.into_iter().sum();
    // A sweep that skipped rows which another one was deleting may have left some.
    let rest = sweep(&*store, now(), 100).await;
    assert_eq!(counted + rest, 60);
    assert_eq!(live_of(&*store, user.id).await, [live]);
}

/// A user with a live session.
async fn opened(store: &dyn Store) -> (User, Session) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    add_users(store, &[&user]).await;
    add_sessions(store, &[&session]).await;
    (user, session)
}

fn rekey_of(session: &Session) -> Rekey {
    let generation = session.generation + 100;
    Rekey {
        session_id: session.id,
        user_id: session.user_id,
        generation,
        refresh_jti: refresh_jti(generation),
        hashed_refresh_token: digest(unique()),
        at: now() + Duration::new(5, 1_000),
        authenticated_at: now() + Duration::new(3, 2_000),
        assurance: Assurance { acr: Acr::Aal2, amr: Amr::from_stored("pwd otp mfa") },
        expires_at: now() + Duration::days(8),
        client: ClientInfo::new(Some([192, 0, 2, 3].into()), Some("fixture/3.0")),
    }
}

async fn revoke(store: &dyn Store, id: SessionId, user: &User, at: OffsetDateTime) -> bool {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().revoke(id, user.id, REASON, at).await.unwrap().is_some()
    })
}

async fn revoke_all(store: &dyn Store, user: &User, except: Option<SessionId>, at: OffsetDateTime) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        unit.sessions().revoke_all(user.id, except, REASON, at).await.unwrap()
    })
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.sessions().sweep_ended(before, limit).await.unwrap())
}
