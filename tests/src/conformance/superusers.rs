//! `UserRepository::lock_active_superusers`, and the rule that the last active superuser stays.

use std::collections::HashSet;
use std::sync::Arc;

use inwren_domain::Failure;
use inwren_domain::account::admin::{self, Admin, Unconfirmed};
use inwren_domain::account::superuser::require_another;
use inwren_domain::account::{self, User, UserChange};
use inwren_domain::audit::OPERATOR;
use inwren_domain::kernel::{ClientInfo, UserId};
use inwren_domain::session::{self, RevocationReason};
use inwren_domain::store::Store;

use super::support::{
    Task, active_superusers, add_sessions, add_users, assert_waits, dawdling, together, updated, user_of,
};
use crate::fakes::Fakes;
use crate::fixtures::{now, principal, session_of, superuser, user_fixture};

/// Rounds of each race for the last superuser.
const ROUNDS: usize = 6;
/// Concurrent attempts per round.
const TASKS: usize = 32;

/// The locked set is exactly the set of active superusers.
pub async fn the_locked_set_is_that_of_the_active_superusers(store: Arc<dyn Store>) {
    let (one, two) = (superuser(), superuser());
    let inactive = User { is_active: false, ..superuser() };
    assert_eq!(locked_set(&*store).await, HashSet::new());
    add_users(&*store, &[&one, &user_fixture(), &two, &inactive]).await;
    assert_eq!(locked_set(&*store).await, HashSet::from([one.id, two.id]));
}

async fn locked_set(store: &dyn Store) -> HashSet<UserId> {
    let ids = in_unit!(store, |unit| unit.users().lock_active_superusers().await.unwrap());
    let set: HashSet<UserId> = ids.iter().copied().collect();
    assert_eq!(set.len(), ids.len(), "one is named twice");
    set
}

/// No other unit MUST be able to change or lock any active superuser until this one ends; a unit that waited for the
/// set gets it as this one left it.
pub async fn the_locked_set_keeps_others_waiting(store: Arc<dyn Store>) {
    for way in 0..4 {
        let (stays, goes) = (superuser(), superuser());
        add_users(&*store, &[&stays, &goes]).await;
        let mut unit = store.begin().await.unwrap();
        assert_eq!(unit.users().lock_active_superusers().await.unwrap().len(), 2);
        let mut other = tokio::spawn({
            let (store, id) = (store.clone(), goes.id);
            async move {
                in_unit!(store, |unit| match way {
                    0 => unit.users().lock_active_superusers().await.unwrap(),
                    1 => Vec::from_iter(unit.users().lock(id).await.unwrap().map(|user| user.id)),
                    2 => Vec::from_iter(unit.users().delete(id).await.unwrap().then_some(id)),
                    _ => vec![updated(unit.users().update(id, &demotion(), now()).await.unwrap()).id],
                })
            }
        });
        assert_waits(&mut other).await;
        updated(unit.users().update(goes.id, &demotion(), now()).await.unwrap());
        unit.commit().await.unwrap();
        assert_eq!(other.await.unwrap(), [if way == 0 { stays.id } else { goes.id }]);
        demote(&*store, stays.id).await;
    }
}

/// A decision from the locked set holds at the commit: of two superusers who are demoted concurrently, one stays.
pub async fn the_last_superuser_survives_races(store: Arc<dyn Store>) {
    race(&store, |store, _, target| {
        Box::pin(async move {
            let mut unit = store.begin().await.unwrap();
            let superusers = unit.users().lock_active_superusers().await.unwrap();
            assert!(!superusers.is_empty());
            let goes = superusers.contains(&target.id) && require_another(&superusers, target.id).is_ok();
            if goes {
                updated(unit.users().update(target.id, &demotion(), now()).await.unwrap());
                unit.commit().await.unwrap();
            } else {
                unit.rollback().await.unwrap();
            }
            goes
        })
    })
    .await;
}

/// Of two superusers who demote or deactivate each other or themselves, one stays.
pub async fn the_last_superuser_stays_through_updates(store: Arc<dyn Store>) {
    race(&store, |store, actor, target| {
        Box::pin(async move {
            let core = Fakes::over(store).core;
            let mut command = admin::update::Command::default();
            if actor.id().as_uuid().as_u128() % 2 == 0 {
                command.is_superuser = Some(false);
            } else {
                command.is_active = Some(false);
            }
            let client = ClientInfo::default();
            match admin::update::execute(&core, actor, target.id, command, &client).await {
                Ok(_) => true,
                Err(Failure::Refused(
                    admin::update::Refusal::LastSuperuser(_) | admin::update::Refusal::Unconfirmed(_),
                )) => false,
                Err(failure) => panic!("{failure:?}"),
            }
        })
    })
    .await;
}

/// Of two superusers who delete each other or themselves, one stays.
pub async fn the_last_superuser_stays_through_deletions(store: Arc<dyn Store>) {
    race(&store, |store, actor, target| {
        Box::pin(async move {
            let core = Fakes::over(store).core;
            let client = ClientInfo::default();
            match admin::delete::execute(&core, actor, target.id, &client).await {
                Ok(()) => true,
                Err(Failure::Refused(
                    admin::delete::Refusal::LastSuperuser(_)
                    | admin::delete::Refusal::Unconfirmed(_)
                    | admin::delete::Refusal::NotFound,
                )) => false,
                Err(failure) => panic!("{failure:?}"),
            }
        })
    })
    .await;
}

/// Of two superusers who close their own accounts, one stays.
pub async fn the_last_superuser_stays_through_deactivations(store: Arc<dyn Store>) {
    for _ in 0..ROUNDS {
        let pair = [superuser(), superuser()];
        let sessions = pair.each_ref().map(session_of);
        add_users(&*store, &[&pair[0], &pair[1]]).await;
        add_sessions(&*store, &[&sessions[0]]).await;
        add_sessions(&*store, &[&sessions[1]]).await;
        let principals = [principal(&pair[0], &sessions[0]).await, principal(&pair[1], &sessions[1]).await];
        let attempts = (0..TASKS).map(|n| {
            let core = Fakes::over(dawdling(&store)).core;
            let principal = principals[n % 2].clone();
            async move {
                use inwren_domain::account::deactivate::Refusal::{ChangedMeanwhile, LastSuperuser};
                match account::deactivate::execute(&core, &principal, &ClientInfo::default()).await {
                    // A caller whose account is already closed may try again, and is refused.
                    Ok(()) | Err(Failure::Refused(LastSuperuser(_) | ChangedMeanwhile)) => {}
                    Err(failure) => panic!("{failure:?}"),
                }
            }
        });
        together(attempts).await;
        let left = active_superusers(&*store).await;
        assert_eq!(left.len(), 1);
        demote(&*store, left[0]).await;
    }
}

/// A superuser who was authenticated before the session ended can change no user afterwards.
pub async fn revoked_superusers_change_no_user(store: Arc<dyn Store>) {
    let (boss, user) = (superuser(), user_fixture());
    add_users(&*store, &[&boss, &user]).await;
    let admin = admin_of(&*store, &boss).await;
    let core = Fakes::over(store.clone()).core;
    let client = ClientInfo::default();
    in_unit!(store, |unit| {
        unit.users().lock(boss.id).await.unwrap();
        unit.sessions().revoke_all(boss.id, None, RevocationReason::Logout, now()).await.unwrap()
    });
    let overtaken = Unconfirmed::ChangedMeanwhile;
    let command = admin::update::Command { is_active: Some(false), ..admin::update::Command::default() };
    let changed = admin::update::execute(&core, admin, user.id, command, &client).await;
    assert!(
        matches!(&changed, Err(Failure::Refused(admin::update::Refusal::Unconfirmed(why))) if *why == overtaken),
        "{changed:?}"
    );
    let ended = session::admin::revoke_all(&core, admin, user.id, &client).await;
    assert!(
        matches!(&ended, Err(Failure::Refused(session::admin::Refusal::Unconfirmed(why))) if *why == overtaken),
        "{ended:?}"
    );
    let deleted = admin::delete::execute(&core, admin, user.id, &client).await;
    assert!(
        matches!(&deleted, Err(Failure::Refused(admin::delete::Refusal::Unconfirmed(why))) if *why == overtaken),
        "{deleted:?}"
    );
    assert!(user_of(&*store, user.id).await.unwrap().is_active);
}

/// The operator on the command line follows the rules of administration, without a session.
pub async fn operator_follows_the_rules(store: Arc<dyn Store>) {
    let (boss, user) = (superuser(), user_fixture());
    add_users(&*store, &[&boss, &user]).await;
    let session = session_of(&user);
    add_sessions(&*store, &[&session]).await;
    let core = Fakes::over(store.clone()).core;
    let (operator, client) = (Admin::operator(), ClientInfo::default());
    let deactivation = || admin::update::Command { is_active: Some(false), ..Default::default() };

    let refused = admin::update::execute(&core, operator, boss.id, deactivation(), &client).await;
    assert!(
        matches!(refused, Err(Failure::Refused(admin::update::Refusal::LastSuperuser(_)))),
        "{refused:?}"
    );
    let refused = admin::delete::execute(&core, operator, boss.id, &client).await;
    assert!(
        matches!(refused, Err(Failure::Refused(admin::delete::Refusal::LastSuperuser(_)))),
        "{refused:?}"
    );

    let found = admin::list::by_login(&core, operator, &user.email).await.unwrap();
    assert_eq!(found.id, user.id);
    admin::update::execute(&core, operator, user.id, deactivation(), &client).await.unwrap();
    let revoked = super::support::session_of(&*store, session.id).await.unwrap().revoked;
    assert_eq!(revoked.expect("a revoked session").reason, RevocationReason::Deactivated);
    let promotion = admin::update::Command { is_superuser: Some(true), ..Default::default() };
    admin::update::execute(&core, operator, user.id, promotion, &client).await.unwrap();
    session::admin::revoke_all(&core, operator, user.id, &client).await.unwrap();
    admin::delete::execute(&core, operator, user.id, &client).await.unwrap();

    let events = super::support::events(&*store).await;
    let mut kinds: Vec<_> = events.iter().map(|event| event.kind.as_str()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["user_deactivated", "user_deleted", "user_updated"]);
    assert!(events.iter().all(|event| event.actor_id == Some(OPERATOR)), "{events:?}");
}

/// Races for the last superuser: `try_it` takes the store, the acting superuser and the target, and returns whether it
/// succeeded.
async fn race(store: &Arc<dyn Store>, try_it: impl Fn(Arc<dyn Store>, Admin, User) -> Task<bool>) {
    for _ in 0..ROUNDS {
        let pair = [superuser(), superuser()];
        add_users(&**store, &[&pair[0], &pair[1]]).await;
        let admins = [admin_of(&**store, &pair[0]).await, admin_of(&**store, &pair[1]).await];
        let attempts = (0..TASKS).map(|n| try_it(dawdling(store), admins[n % 2], pair[n / 2 % 2].clone()));
        assert!(together(attempts).await.contains(&true), "neither of them could go");
        let left = active_superusers(&**store).await;
        assert_eq!(left.len(), 1);
        demote(&**store, left[0]).await;
    }
}

/// Demotes the remaining superuser before the next round.
async fn demote(store: &dyn Store, id: UserId) {
    in_unit!(store, |unit| updated(unit.users().update(id, &demotion(), now()).await.unwrap()));
    assert!(!user_of(store, id).await.unwrap().is_superuser);
}

fn demotion() -> UserChange {
    UserChange { is_superuser: Some(false), ..UserChange::default() }
}

/// A superuser who has logged in.
async fn admin_of(store: &dyn Store, user: &User) -> Admin {
    let session = session_of(user);
    add_sessions(store, &[&session]).await;
    Admin::authorise(&principal(user, &session).await).expect("a superuser")
}
