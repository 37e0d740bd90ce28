//! `CredentialReader` and `CredentialRepository`.

use std::sync::Arc;

use inwren_domain::account::{Inserted, User};
use inwren_domain::authn::Acr;
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::store::Store;
use time::Duration;

use super::support::{
    account_of, add_users, assert_same_account, assert_same_user, password_of, successes_of_many, together,
    user_of,
};
use crate::fixtures::{account, email, fresh_email, now, password_hash, user, user_fixture, user_id};

/// Accounts are read back unchanged, with and without a password, by id, address and login.
pub async fn accounts_are_read_back_exactly(store: Arc<dyn Store>) {
    let long = PasswordHash::from_phc(format!("$argon2id$v=19$m=47104,t=1,p=1${}", "x".repeat(600)));
    let with = Account { user: user("Ann@Example.org"), password: Some(long) };
    let without = Account { user: user("Grüße.用户@Bücher.Example"), password: None };
    for account in [&with, &without] {
        in_unit!(store, |unit| {
            assert_eq!(unit.users().insert(account).await.unwrap(), Inserted::Inserted);
        });
        assert_same_account(&account_of(&*store, account.user.id).await.unwrap(), account);
        assert_same_user(&user_of(&*store, account.user.id).await.unwrap(), &account.user);
        let mut view = store.read().await.unwrap();
        let found = view.credentials().by_email(&email(&account.user.email.as_str().to_lowercase())).await;
        assert_same_account(&found.unwrap().unwrap(), account);
        let found = view.credentials().by_login(&account.user.email).await.unwrap();
        assert_same_account(&found.unwrap(), account);
        let found = in_unit!(store, |unit| unit.credentials().password_of(account.user.id).await.unwrap());
        assert_eq!(found, account.password);
    }
}

/// An unknown user has no account and no password.
pub async fn an_unknown_account_is_not_found(store: Arc<dyn Store>) {
    add_users(&*store, &[&user_fixture()]).await;
    assert_eq!(account_of(&*store, user_id()).await, None);
    assert_eq!(store.read().await.unwrap().credentials().by_email(&fresh_email()).await.unwrap(), None);
    assert_eq!(in_unit!(store, |unit| unit.credentials().password_of(user_id()).await.unwrap()), None);
}

/// `change_password` sets the first password of a user without one.
pub async fn a_first_password_is_set(store: Arc<dyn Store>) {
    let without = Account { user: user_fixture(), password: None };
    let hash = password_hash();
    in_unit!(store, |unit| {
        assert_eq!(unit.users().insert(&without).await.unwrap(), Inserted::Inserted);
        assert!(unit.credentials().change_password(without.user.id, 0, &hash, now()).await.unwrap());
    });
    assert_eq!(password_of(&*store, without.user.id).await, Some(hash));
}

/// `advance_version` increments the version and leaves the password; from a stale version it MUST change nothing.
pub async fn a_version_advances_only_from_the_expected_one(store: Arc<dyn Store>) {
    let (user, bystander) = (User { credential_version: 3, ..user_fixture() }, user_fixture());
    add_users(&*store, &[&user, &bystander]).await;
    for stale in [2, 4] {
        assert!(!in_unit!(store, |unit| {
            unit.credentials().advance_version(user.id, stale, now()).await.unwrap()
        }));
        assert_same_account(&account_of(&*store, user.id).await.unwrap(), &account(&user));
    }
    let at = now() + Duration::SECOND;
    assert!(in_unit!(store, |unit| unit.credentials().advance_version(user.id, 3, at).await.unwrap()));
    let advanced =
        Account { user: User { credential_version: 4, updated_at: at, ..user.clone() }, ..account(&user) };
    assert_same_account(&account_of(&*store, user.id).await.unwrap(), &advanced);
    assert_same_account(&account_of(&*store, bystander.id).await.unwrap(), &account(&bystander));
}

/// `change_password` MUST change nothing and return `false` for a version that is not the current one.
pub async fn a_password_changes_only_from_the_expected_version(store: Arc<dyn Store>) {
    let mut current = User { credential_version: 5, highest_acr: Acr::Aal2, ..user_fixture() };
    let bystander = User { credential_version: 5, ..user_fixture() };
    add_users(&*store, &[&current, &bystander]).await;
    for stale in [4, 6, 0, -5, i64::MAX] {
        let hash = password_hash();
        assert!(!in_unit!(store, |unit| {
            unit.credentials().change_password(current.id, stale, &hash, now()).await.unwrap()
        }));
        assert_same_account(&account_of(&*store, current.id).await.unwrap(), &account(&current));
    }
    for version in [5, 6] {
        let (hash, at) = (password_hash(), now() + Duration::seconds(version));
        assert!(in_unit!(store, |unit| {
            unit.credentials().change_password(current.id, version, &hash, at).await.unwrap()
        }));
        current = User { credential_version: version + 1, updated_at: at, ..current.clone() };
        let expected = Account { user: current.clone(), password: Some(hash) };
        assert_same_account(&account_of(&*store, current.id).await.unwrap(), &expected);
    }
    assert_same_account(&account_of(&*store, bystander.id).await.unwrap(), &account(&bystander));
}

/// `change_factors` stores the highest assurance and advances the version. From a stale version, or for an
/// unknown user, it MUST change nothing.
pub async fn factors_change_only_from_the_expected_version(store: Arc<dyn Store>) {
    let mut current = User { credential_version: 5, ..user_fixture() };
    let bystander = User { credential_version: 5, ..user_fixture() };
    add_users(&*store, &[&current, &bystander]).await;
    let hash = account(&current).password;
    let change = async |id, version, acr, at| {
        in_unit!(store, |unit| unit.credentials().change_factors(id, version, acr, at).await.unwrap())
    };
    for stale in [4, 6, 0, -5, i64::MAX] {
        assert!(!change(current.id, stale, Acr::Phr, now()).await, "{stale}");
    }
    assert!(!change(user_id(), 0, Acr::Phr, now()).await);
    assert_same_account(&account_of(&*store, current.id).await.unwrap(), &account(&current));
    for (version, highest_acr) in (5..).zip([Acr::Aal2, Acr::Phr, Acr::Phr, Acr::Aal1]) {
        let updated_at = now() + Duration::seconds(version);
        assert!(change(current.id, version, highest_acr, updated_at).await, "{version}");
        current = User { credential_version: version + 1, highest_acr, updated_at, ..current };
        let expected = Account { user: current.clone(), password: hash.clone() };
        assert_same_account(&account_of(&*store, current.id).await.unwrap(), &expected);
    }
    assert_same_account(&account_of(&*store, bystander.id).await.unwrap(), &account(&bystander));
}

/// Of many concurrent changes of factors from one version exactly one succeeds.
pub async fn of_many_changes_of_factors_one_is_made(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let changed = successes_of_many(|| {
        let (store, id) = (store.clone(), user.id);
        async move {
            in_unit!(store, |unit| {
                unit.credentials().change_factors(id, 0, Acr::Aal2, now()).await.unwrap()
            })
        }
    });
    assert_eq!(changed.await, 1);
    let expected = User { credential_version: 1, highest_acr: Acr::Aal2, updated_at: now(), ..user };
    assert_same_user(&user_of(&*store, expected.id).await.unwrap(), &expected);
}

/// `void_password` removes the password and advances the version; from a stale version it MUST change nothing.
pub async fn a_password_is_voided_from_its_version(store: Arc<dyn Store>) {
    let (user, bystander) = (User { credential_version: 3, ..user_fixture() }, user_fixture());
    add_users(&*store, &[&user, &bystander]).await;
    let at = now() + Duration::HOUR;
    let void = async |id, version| {
        in_unit!(store, |unit| unit.credentials().void_password(id, version, at).await.unwrap())
    };
    for (id, version) in [(user.id, 2), (user.id, 4), (user_id(), 0)] {
        assert!(!void(id, version).await);
    }
    assert_same_account(&account_of(&*store, user.id).await.unwrap(), &account(&user));
    assert!(void(user.id, 3).await);
    assert!(!void(user.id, 3).await);
    let voided = Account { user: User { credential_version: 4, updated_at: at, ..user }, password: None };
    assert_same_account(&account_of(&*store, voided.user.id).await.unwrap(), &voided);
    assert_same_account(&account_of(&*store, bystander.id).await.unwrap(), &account(&bystander));
}

/// Of many concurrent changes of one password from one version exactly one succeeds.
pub async fn of_many_password_changes_exactly_one_is_made(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let attempts = (0..16).map(|_| {
        let (store, id, hash) = (store.clone(), user.id, password_hash());
        async move {
            let changed = in_unit!(store, |unit| unit
                .credentials()
                .change_password(id, 0, &hash, now())
                .await
                .unwrap());
            changed.then_some(hash)
        }
    });
    let made: Vec<PasswordHash> = together(attempts).await.into_iter().flatten().collect();
    assert_eq!(made.len(), 1);
    assert_eq!(user_of(&*store, user.id).await.unwrap().credential_version, 1);
    assert_eq!(password_of(&*store, user.id).await.as_ref(), Some(&made[0]));
}

/// `rehash` MUST change nothing from a stale version, and MUST leave `credential_version` and `updated_at`.
pub async fn a_rehash_leaves_the_version_and_the_time(store: Arc<dyn Store>) {
    let user = User { credential_version: 2, ..user_fixture() };
    let bystander = User { credential_version: 2, ..user_fixture() };
    add_users(&*store, &[&user, &bystander]).await;
    for stale in [1, 3] {
        let hash = password_hash();
        assert!(!in_unit!(store, |unit| unit.credentials().rehash(user.id, stale, &hash).await.unwrap()));
        assert_same_account(&account_of(&*store, user.id).await.unwrap(), &account(&user));
    }
    let hash = password_hash();
    assert!(in_unit!(store, |unit| unit.credentials().rehash(user.id, 2, &hash).await.unwrap()));
    let rehashed = Account { user, password: Some(hash) };
    assert_same_account(&account_of(&*store, rehashed.user.id).await.unwrap(), &rehashed);
    assert_same_account(&account_of(&*store, bystander.id).await.unwrap(), &account(&bystander));
}

/// Changes of a credential MUST return `false` for an unknown user.
pub async fn an_unknown_user_has_no_credential_to_change(store: Arc<dyn Store>) {
    let (gone, hash) = (user_id(), password_hash());
    in_unit!(store, |unit| {
        assert!(!unit.credentials().change_password(gone, 0, &hash, now()).await.unwrap());
        assert!(!unit.credentials().rehash(gone, 0, &hash).await.unwrap());
        assert!(!unit.credentials().advance_version(gone, 0, now()).await.unwrap());
        assert!(!unit.credentials().change_factors(gone, 0, Acr::Aal2, now()).await.unwrap());
    });
}
