//! `UserRepository::lock`.

use std::sync::Arc;

use inwren_domain::account::UserChange;
use inwren_domain::session::{RevocationReason, RotationOutcome};
use inwren_domain::store::Store;

use super::support::{
    add_sessions, add_users, assert_same_user, assert_waits, password_of, session_of, together, updated,
    user_of,
};
use crate::fixtures::{self, now, password_hash, rotation_of, tier, user_fixture, user_id};

/// `lock` returns the user as committed, and `None` for an unknown id.
pub async fn a_lock_gives_the_user_as_it_is(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    in_unit!(store, |unit| {
        assert_same_user(&unit.users().lock(user.id).await.unwrap().unwrap(), &user);
        assert_eq!(unit.users().lock(user_id()).await.unwrap(), None);
    });
}

/// No other unit MUST be able to lock the user until the one that did ends; then it gets the user as that unit left it.
pub async fn a_lock_keeps_other_locks_waiting(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    let mut other = tokio::spawn({
        let (store, id) = (store.clone(), user.id);
        async move { in_unit!(store, |unit| unit.users().lock(id).await.unwrap()) }
    });
    assert_waits(&mut other).await;
    let change = UserChange { tier: Some(tier("plus")), is_active: Some(false), ..UserChange::default() };
    let changed = updated(unit.users().update(user.id, &change, now()).await.unwrap());
    assert!(unit.credentials().change_password(user.id, 0, &password_hash(), now()).await.unwrap());
    unit.commit().await.unwrap();
    let locked = other.await.unwrap().unwrap();
    assert_eq!((locked.tier, locked.is_active, locked.credential_version), (changed.tier, false, 1));
}

/// No other unit MUST be able to change the user, by any method, until the unit that locked the user ends.
pub async fn a_lock_keeps_changes_waiting(store: Arc<dyn Store>) {
    for way in 0..4 {
        let user = user_fixture();
        add_users(&*store, &[&user]).await;
        let mut unit = store.begin().await.unwrap();
        unit.users().lock(user.id).await.unwrap();
        let mut other = tokio::spawn({
            let (store, id) = (store.clone(), user.id);
            async move {
                let change = UserChange { is_superuser: Some(true), ..UserChange::default() };
                in_unit!(store, |unit| match way {
                    0 => drop(updated(unit.users().update(id, &change, now()).await.unwrap())),
                    1 => assert!(
                        !unit.credentials().change_password(id, 0, &password_hash(), now()).await.unwrap()
                    ),
                    2 => assert!(!unit.credentials().rehash(id, 0, &password_hash()).await.unwrap()),
                    _ => assert!(unit.users().delete(id).await.unwrap()),
                });
            }
        });
        assert_waits(&mut other).await;
        let hash = password_hash();
        assert!(unit.credentials().change_password(user.id, 0, &hash, now()).await.unwrap());
        unit.commit().await.unwrap();
        other.await.unwrap();
        let found = user_of(&*store, user.id).await;
        assert_eq!(found.is_none(), way == 3);
        if let Some(found) = found {
            assert_eq!(found.credential_version, 1);
            assert_eq!(password_of(&*store, user.id).await, Some(hash));
            assert_eq!(found.is_superuser, way == 0, "the change that waited was lost");
        }
    }
}

/// A unit that waited for the lock of a user finds no user if another unit deleted them meanwhile.
pub async fn a_lock_finds_nobody_after_a_deletion(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    let mut other = tokio::spawn({
        let (store, id) = (store.clone(), user.id);
        async move { in_unit!(store, |unit| unit.users().lock(id).await.unwrap()) }
    });
    assert_waits(&mut other).await;
    assert!(unit.users().delete(user.id).await.unwrap());
    unit.commit().await.unwrap();
    assert_eq!(other.await.unwrap(), None);
}

/// Writes that depend on a value read under a lock overwrite no other such write.
pub async fn counting_under_a_lock_loses_no_count(store: Arc<dyn Store>) {
    const TASKS: i64 = 16;
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    for round in 1..=3 {
        let counts = (0..TASKS).map(|_| {
            let (store, id) = (store.clone(), user.id);
            async move {
                in_unit!(store, |unit| {
                    let version = unit.users().lock(id).await.unwrap().unwrap().credential_version;
                    tokio::task::yield_now().await;
                    let hash = password_hash();
                    assert!(unit.credentials().change_password(id, version, &hash, now()).await.unwrap());
                });
            }
        });
        together(counts).await;
        assert_eq!(user_of(&*store, user.id).await.unwrap().credential_version, round * TASKS);
    }
}

/// A rotation does not slip past the lock of a unit that revokes: it comes before the lock or finds the session ended.
pub async fn a_rotation_does_not_survive_a_revocation_under_a_lock(store: Arc<dyn Store>) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    add_users(&*store, &[&user]).await;
    add_sessions(&*store, &[&session]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    let at = rotation_of(&session).at;
    let reason = RevocationReason::PasswordChanged;
    assert_eq!(unit.sessions().revoke_all(user.id, None, reason, at).await.unwrap(), 1);
    let mut rotation = tokio::spawn({
        let (store, rotation) = (store.clone(), rotation_of(&session));
        async move { store.rotate_session(&rotation).await.unwrap() }
    });
    assert_waits(&mut rotation).await;
    unit.commit().await.unwrap();
    assert_eq!(rotation.await.unwrap(), RotationOutcome::Ended);
    let found = session_of(&*store, session.id).await.unwrap();
    assert_eq!(found.revoked.map(|revocation| revocation.reason), Some(reason));
    assert_eq!(found.hashed_refresh_token, session.hashed_refresh_token);
}

/// A rotation that waited for a revocation goes on after the revocation is rolled back.
pub async fn a_rotation_goes_on_after_a_rollback(store: Arc<dyn Store>) {
    let user = user_fixture();
    let session = fixtures::session_of(&user);
    add_users(&*store, &[&user]).await;
    add_sessions(&*store, &[&session]).await;
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    let rotation = rotation_of(&session);
    let reason = RevocationReason::Logout;
    assert!(unit.sessions().revoke(session.id, user.id, reason, rotation.at).await.unwrap().is_some());
    let mut waiting = tokio::spawn({
        let (store, rotation) = (store.clone(), rotation.clone());
        async move { store.rotate_session(&rotation).await.unwrap() }
    });
    assert_waits(&mut waiting).await;
    unit.rollback().await.unwrap();
    let expected = RotationOutcome::Rotated(rotation.applied_to(&session), user);
    assert_eq!(waiting.await.unwrap(), expected);
}
