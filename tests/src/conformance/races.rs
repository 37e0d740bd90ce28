//! Races of logins and rotations with a revocation, a deactivation or a password change: none leaves a live session.

use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::account::{self, Inserted, User, UserChange};
use inwren_domain::authn::{self, login};
use inwren_domain::credential::{Account, ClientTrust, Password, Requester};
use inwren_domain::kernel::{ClientInfo, PlainToken};
use inwren_domain::session::{self, Principal, RevocationReason, RotationOutcome, Session, refresh};
use inwren_domain::store::Store;

use super::client::{self, OLD};
use super::support::{
    ROUNDS, Task, add_sessions, add_users, assert_same_user, dawdling, live_of, session_of, together,
    updated, user_of,
};
use crate::fakes::Fakes;
use crate::fixtures::{self, now, rotation_of, user_fixture};

/// A rotation in flight MUST NOT survive `revoke_all`.
pub async fn no_rotation_survives_revoking_all(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    for _ in 0..ROUNDS {
        let (user, session) = opened(&*store).await;
        let mut tasks: Vec<Task<u64>> = vec![Box::pin(revoke_all(store.clone(), user.clone(), false))];
        for _ in 0..3 {
            let (store, session) = (store.clone(), session.clone());
            tasks.push(Box::pin(async move {
                match store.rotate_session(&rotation_of(&session)).await.unwrap() {
                    RotationOutcome::Rotated(..) | RotationOutcome::Raced(..) | RotationOutcome::Ended => 0,
                    other => panic!("{other:?}"),
                }
            }));
        }
        assert_eq!(together(tasks).await[0], 1, "the session was live all the time");
        assert_over(&*store, &user, &session).await;
    }
}

/// `revoke_all` stops a client that keeps rotating, each new token in turn.
pub async fn a_busy_client_is_stopped_by_revoking_all(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    for _ in 0..ROUNDS {
        let (user, session) = opened(&*store).await;
        let rotating = {
            let (store, mut session) = (store.clone(), session.clone());
            async move {
                for _ in 0..10_000 {
                    let mut rotation = rotation_of(&session);
                    (rotation.at, rotation.expires_at) = (session.rotated_at, session.expires_at);
                    match store.rotate_session(&rotation).await.unwrap() {
                        RotationOutcome::Rotated(rotated, _) => session = rotated,
                        RotationOutcome::Ended => return 0,
                        other => panic!("{other:?}"),
                    }
                }
                panic!("a rotation survived")
            }
        };
        let tasks: Vec<Task<u64>> =
            vec![Box::pin(rotating), Box::pin(revoke_all(store.clone(), user.clone(), false))];
        assert_eq!(together(tasks).await, [0, 1]);
        assert_over(&*store, &user, &session).await;
    }
}

/// A session that another unit is starting MUST NOT survive `revoke_all`, nor a rotation of a deactivated user.
pub async fn no_opening_survives_a_deactivation(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    for _ in 0..ROUNDS {
        let (user, session) = opened(&*store).await;
        let mut tasks: Vec<Task<u64>> = vec![Box::pin(revoke_all(store.clone(), user.clone(), true))];
        for _ in 0..4 {
            let (store, session) = (store.clone(), fixtures::session_of(&user));
            tasks.push(Box::pin(async move {
                let mut unit = store.begin().await.unwrap();
                let user = unit.users().lock(session.user_id).await.unwrap().unwrap();
                if user.is_active {
                    unit.sessions().insert(&session).await.unwrap();
                    unit.commit().await.unwrap();
                    1
                } else {
                    unit.rollback().await.unwrap();
                    0
                }
            }));
        }
        let done = together(tasks).await;
        assert_eq!(done[0], 1 + done[1..].iter().sum::<u64>(), "one that was opened was not revoked");
        assert_over(&*store, &user, &session).await;
    }
}

/// A rotation MUST succeed only for a user who is still active at that moment.
pub async fn no_rotation_follows_a_deactivation(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    for _ in 0..ROUNDS {
        let (user, session) = opened(&*store).await;
        let deactivation = {
            let (store, id) = (store.clone(), user.id);
            async move {
                in_unit!(store, |unit| {
                    unit.users().lock(id).await.unwrap();
                    updated(unit.users().update(id, &deactivation(), now()).await.unwrap());
                });
                None
            }
        };
        let rotation = {
            let (store, rotation) = (store.clone(), rotation_of(&session));
            async move { Some(store.rotate_session(&rotation).await.unwrap()) }
        };
        let tasks: Vec<Task<Option<RotationOutcome>>> = vec![Box::pin(deactivation), Box::pin(rotation)];
        let left = session_of_after(&*store, &session, together(tasks).await.remove(1).unwrap(), &user).await;
        assert_eq!(store.rotate_session(&rotation_of(&left)).await.unwrap(), RotationOutcome::Inactive);
    }
}

/// Checks that the stored session is the one that the rotation returned.
async fn session_of_after(
    store: &dyn Store,
    before: &Session,
    outcome: RotationOutcome,
    user: &User,
) -> Session {
    let stored = session_of(store, before.id).await.unwrap();
    match outcome {
        RotationOutcome::Rotated(rotated, rotated_for) => {
            assert_eq!((&rotated, &rotated_for), (&stored, user), "rotated for a user who was inactive");
        }
        RotationOutcome::Inactive => assert_eq!(&stored, before),
        other => panic!("{other:?}"),
    }
    stored
}

/// After a password change no session that was started with the old password is live.
pub async fn no_login_with_the_old_password_survives_its_change(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    for round in 0..ROUNDS {
        let (user, principal, _) = logged_in(&fakes, &store).await;
        let mut tasks: Vec<Task<Option<PlainToken>>> = vec![change_password(&fakes, &principal)];
        for n in 0..3 {
            let (fakes, user) = (fakes.clone(), user.clone());
            tasks.push(Box::pin(async move {
                for _ in 0..(round + n) % 4 {
                    tokio::task::yield_now().await;
                }
                match client::login(&fakes.core, &user.email, OLD).await {
                    Ok(pair) => Some(pair.refresh_token),
                    Err(Failure::Refused(
                        login::Refusal::Attempt(authn::Refusal::WrongPassword(_))
                        | login::Refusal::ChangedMeanwhile(_),
                    )) => None,
                    Err(failure) => panic!("{failure:?}"),
                }
            }));
        }
        let tokens = together(tasks).await;
        let live = live_of(&*store, user.id).await;
        assert_eq!(live.len(), 1, "only the caller's session is left");
        assert_eq!(live[0].id, principal.session().expect("a session").id);
        for token in tokens[1..].iter().flatten() {
            assert_eq!(client::refused_exchange(&fakes.core, token).await, refresh::Refusal::Ended);
        }
    }
}

/// A login that has already verified the old password starts no session after the change.
pub async fn a_login_that_is_overtaken_opens_no_session(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    let (user, principal, _) = logged_in(&fakes, &store).await;
    let mut held = fakes.hasher.hold_next_check();
    let slow = tokio::spawn({
        let (fakes, user) = (fakes.clone(), user.clone());
        async move { client::login(&fakes.core, &user.email, OLD).await.map(drop) }
    });
    held.reached().await;
    change_password(&fakes, &principal).await.unwrap();
    held.release();
    let outcome = slow.await.unwrap();
    assert!(matches!(outcome, Err(Failure::Refused(login::Refusal::ChangedMeanwhile(_)))), "{outcome:?}");
    assert_eq!(live_of(&*store, user.id).await.len(), 1);
}

/// After the deactivation of an account no session of it is live, whatever logins and rotations were in progress.
pub async fn no_login_or_rotation_survives_the_deactivation_of_the_account(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    for _ in 0..ROUNDS {
        let (user, principal, token) = logged_in(&fakes, &store).await;
        let closing = {
            let (fakes, principal) = (fakes.clone(), principal.clone());
            async move {
                let client = ClientInfo::default();
                account::deactivate::execute(&fakes.core, &principal, &client).await.unwrap();
            }
        };
        let refreshing = {
            let fakes = fakes.clone();
            async move {
                match client::exchange(&fakes.core, &token).await {
                    Ok(_) | Err(Failure::Refused(refresh::Refusal::Inactive | refresh::Refusal::Ended)) => {}
                    Err(failure) => panic!("{failure:?}"),
                }
            }
        };
        let mut tasks: Vec<Task<()>> = vec![Box::pin(closing), Box::pin(refreshing)];
        for _ in 0..2 {
            let (fakes, user) = (fakes.clone(), user.clone());
            tasks.push(Box::pin(async move {
                match client::login(&fakes.core, &user.email, OLD).await {
                    Ok(_)
                    | Err(Failure::Refused(
                        login::Refusal::Attempt(authn::Refusal::Inactive(_))
                        | login::Refusal::ChangedMeanwhile(_),
                    )) => {}
                    Err(failure) => panic!("{failure:?}"),
                }
            }));
        }
        together(tasks).await;
        assert_eq!(live_of(&*store, user.id).await, []);
    }
}

/// After a password change the caller's new token is the only live one, whatever rotations were in progress; a late
/// rotation of the old token is not reuse and does not end the session.
pub async fn only_the_rekeyed_token_is_left_after_a_password_change(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    for _ in 0..ROUNDS {
        let (user, principal, token) = logged_in(&fakes, &store).await;
        let mut tasks: Vec<Task<Option<PlainToken>>> = vec![change_password(&fakes, &principal)];
        for _ in 0..3 {
            let (fakes, token) = (fakes.clone(), token.clone());
            tasks.push(Box::pin(async move {
                match client::exchange(&fakes.core, &token).await {
                    Ok(pair) => Some(pair.refresh_token),
                    Err(Failure::Refused(refresh::Refusal::Superseded)) => None,
                    Err(failure) => panic!("{failure:?}"),
                }
            }));
        }
        let mut tokens = together(tasks).await;
        let rekeyed = tokens.remove(0).expect("a changed password");
        for old in tokens.iter().flatten().chain([&token]) {
            assert_eq!(client::refused_exchange(&fakes.core, old).await, refresh::Refusal::Superseded);
        }
        let live = live_of(&*store, user.id).await;
        assert_eq!(live.len(), 1);
        assert_eq!(live[0].hashed_refresh_token, fakes.core.verifier.digest(&rekeyed));
        client::exchange(&fakes.core, &rekeyed).await.unwrap();
    }
}

/// Of several sessions that each end all others exactly one is left: a caller whose session has ended can end no
/// session.
pub async fn of_those_who_end_all_others_one_stays(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    for _ in 0..ROUNDS {
        let (user, principals) = logged_in_often(&fakes, &store, 4).await;
        let tasks = principals.iter().cloned().map(|principal| -> Task<bool> {
            let fakes = fakes.clone();
            Box::pin(async move {
                match session::manage::revoke_others(&fakes.core, &principal, &client::client()).await {
                    Ok(()) => true,
                    Err(Failure::Refused(session::manage::ChangedMeanwhile)) => false,
                    Err(failure) => panic!("{failure:?}"),
                }
            })
        });
        let done = together(tasks).await;
        let live = live_of(&*store, user.id).await;
        let winners: Vec<_> = principals.iter().zip(done).filter(|(_, done)| *done).collect();
        assert_eq!((winners.len(), live.len()), (1, 1), "how many were told that they are left, and are");
        assert_eq!(winners[0].0.session().expect("a session").id, live[0].id);
    }
}

/// Of two sessions that end each other exactly one is left.
pub async fn of_two_who_end_each_other_one_stays(store: Arc<dyn Store>) {
    let store = dawdling(&store);
    let fakes = Arc::new(Fakes::over(store.clone()));
    for _ in 0..ROUNDS {
        let (user, principals) = logged_in_often(&fakes, &store, 2).await;
        let ids = [1, 0].map(|n: usize| principals[n].session().expect("a session").id);
        let tasks = principals.into_iter().zip(ids).map(|(principal, other)| -> Task<bool> {
            let fakes = fakes.clone();
            Box::pin(async move {
                let client = client::client();
                match session::manage::revoke(&fakes.core, &principal, other, &client).await {
                    Ok(()) => true,
                    Err(Failure::Refused(session::manage::Refusal::ChangedMeanwhile)) => false,
                    Err(failure) => panic!("{failure:?}"),
                }
            })
        });
        let done = together(tasks).await;
        assert_eq!(done.iter().filter(|done| **done).count(), 1, "how many ended the other");
        assert_eq!(live_of(&*store, user.id).await.len(), 1);
    }
}

/// A caller who was authenticated before the session ended can change nothing afterwards.
pub async fn revoked_callers_change_nothing(store: Arc<dyn Store>) {
    let fakes = Arc::new(Fakes::over(store.clone()));
    let (core, client) = (&fakes.core, client::client());
    let (user, principals) = logged_in_often(&fakes, &store, 2).await;
    let [late, other] = &principals[..] else { panic!("two sessions") };
    session::manage::revoke_others(core, other, &client).await.unwrap();
    let before = user_of(&*store, user.id).await.unwrap();

    let email = Some(fixtures::fresh_email());
    let command = account::update::Command { email, tier: None };
    let changed = account::update::execute(core, late, command, &client).await;
    assert!(
        matches!(changed, Err(Failure::Refused(account::update::Refusal::ChangedMeanwhile))),
        "{changed:?}"
    );
    let ended = session::manage::revoke_others(core, late, &client).await;
    assert!(matches!(ended, Err(Failure::Refused(session::manage::ChangedMeanwhile))), "{ended:?}");
    let other_id = other.session().expect("a session").id;
    let ended = session::manage::revoke(core, late, other_id, &client).await;
    assert!(matches!(ended, Err(Failure::Refused(session::manage::Refusal::ChangedMeanwhile))), "{ended:?}");
    let closed = account::deactivate::execute(core, late, &client).await;
    assert!(
        matches!(closed, Err(Failure::Refused(account::deactivate::Refusal::ChangedMeanwhile))),
        "{closed:?}"
    );
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &before);
    assert_eq!(live_of(&*store, user.id).await.len(), 1);
}

/// A user with the old password who has just logged in `times` times.
async fn logged_in_often(fakes: &Arc<Fakes>, store: &Arc<dyn Store>, times: usize) -> (User, Vec<Principal>) {
    let (user, first, _) = logged_in(fakes, store).await;
    let mut principals = vec![first];
    for _ in 1..times {
        let pair = client::login(&fakes.core, &user.email, OLD).await.unwrap();
        principals.push(client::principal(&fakes.core, &pair).await);
    }
    (user, principals)
}

/// A user with the old password who has just logged in, and the refresh token.
async fn logged_in(fakes: &Fakes, store: &Arc<dyn Store>) -> (User, Principal, PlainToken) {
    let requester = Requester::new(&ClientInfo::default(), ClientTrust::Recognised);
    let password = Some(fakes.core.hasher.hash(Password::new(OLD), requester).await.unwrap());
    let user = user_fixture();
    let account = Account { user: user.clone(), password };
    in_unit!(store, |unit| {
        assert_eq!(unit.users().insert(&account).await.unwrap(), Inserted::Inserted);
    });
    let pair = client::login(&fakes.core, &user.email, OLD).await.unwrap();
    (user, client::principal(&fakes.core, &pair).await, pair.refresh_token)
}

fn change_password(fakes: &Arc<Fakes>, principal: &Principal) -> Task<Option<PlainToken>> {
    let (fakes, principal) = (fakes.clone(), principal.clone());
    Box::pin(async move {
        let pair = client::change_password(&fakes.core, &principal).await;
        Some(pair.unwrap().refresh_token)
    })
}

/// A user with a live session.
async fn opened(store: &dyn Store) -> (User, Session) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    add_users(store, &[&user]).await;
    add_sessions(store, &[&session]).await;
    (user, session)
}

fn deactivation() -> UserChange {
    UserChange { is_active: Some(false), ..UserChange::default() }
}

/// Locks the user, deactivates them if `deactivate` is set, and revokes all sessions, as a use case does.
async fn revoke_all(store: Arc<dyn Store>, user: User, deactivate: bool) -> u64 {
    in_unit!(store, |unit| {
        unit.users().lock(user.id).await.unwrap();
        if deactivate {
            updated(unit.users().update(user.id, &deactivation(), now()).await.unwrap());
        }
        unit.sessions().revoke_all(user.id, None, RevocationReason::RevokedByAdmin, now()).await.unwrap()
    })
}

/// Checks that the user has no live session, and that the session is revoked.
async fn assert_over(store: &dyn Store, user: &User, session: &Session) {
    assert_eq!(live_of(store, user.id).await, []);
    assert!(session_of(store, session.id).await.unwrap().revoked.is_some());
}
