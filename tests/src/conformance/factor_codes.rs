//! `FactorReader` and `FactorRepository`: recovery codes and budgets.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::factor::{Budget, Spent};
use inwren_domain::kernel::{TokenDigest, UserId};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{add_users, successes_of_many, together};
use crate::fixtures::{digest, now, unique, user_fixture, user_id};

const TICK: Duration = Duration::MICROSECOND;

async fn codes_left(store: &dyn Store, user: UserId) -> u64 {
    store.read().await.unwrap().factors().recovery_codes_left(user).await.unwrap()
}

async fn replace(store: &dyn Store, user: UserId, digests: &[TokenDigest]) {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        unit.factors().replace_recovery_codes(user, digests).await.unwrap();
    });
}

/// Spends a recovery code without locking the user, so that the store alone decides the races.
async fn spend(store: &dyn Store, user: UserId, digest: TokenDigest) -> bool {
    in_unit!(store, |unit| unit.factors().spend_recovery_code(user, &digest).await.unwrap())
}

async fn take(store: &dyn Store, user: UserId, budget: Budget, now: OffsetDateTime) -> Option<Spent> {
    in_unit!(store, |unit| unit.factors().take_code(user, budget, now).await.unwrap())
}

async fn give_back(store: &dyn Store, user: UserId, budget: Budget) {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        unit.factors().return_code(user, budget).await.unwrap();
    });
}

async fn reopen(store: &dyn Store, user: UserId, except: Option<Budget>) {
    in_unit!(store, |unit| {
        unit.users().lock(user).await.unwrap();
        unit.factors().reopen_budgets(user, except).await.unwrap();
    });
}

/// The budgets from which something is taken, as committed.
async fn budgets_of(store: &dyn Store, user: UserId) -> Vec<Spent> {
    let mut budgets = store.read().await.unwrap().factors().budgets(user).await.unwrap();
    budgets.retain(|spent| spent.taken != 0);
    budgets.sort_by_key(|spent| spent.budget);
    budgets
}

fn digests(count: usize) -> Vec<TokenDigest> {
    (0..count).map(|_| digest(unique())).collect()
}

/// Two users without factors.
async fn two_users(store: &dyn Store) -> (User, User) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(store, &[&user, &other]).await;
    (user, other)
}

/// `replace_recovery_codes` replaces all codes of the user, and none of another one.
pub async fn recovery_codes_are_replaced(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    let (first, second) = (digests(10), digests(3));
    assert_eq!(codes_left(&*store, user.id).await, 0);
    replace(&*store, other.id, &first).await;
    replace(&*store, user.id, &first).await;
    assert_eq!(codes_left(&*store, user.id).await, 10);
    replace(&*store, user.id, &second).await;
    assert_eq!((codes_left(&*store, user.id).await, codes_left(&*store, other.id).await), (3, 10));
    assert!(!spend(&*store, user.id, first[0]).await);
    assert!(spend(&*store, user.id, second[0]).await);
    // A code may come again.
    replace(&*store, user.id, &second).await;
    assert_eq!(codes_left(&*store, user.id).await, 3);
    replace(&*store, user.id, &[]).await;
    assert_eq!((codes_left(&*store, user.id).await, codes_left(&*store, other.id).await), (0, 10));
    assert_eq!(codes_left(&*store, user_id()).await, 0);
}

/// `spend_recovery_code` spends a code of the user once, and none of another user.
pub async fn a_recovery_code_is_spent_once(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    let (codes, of_other) = (digests(3), digests(1));
    // Two users may have the same code.
    replace(&*store, user.id, &codes).await;
    replace(&*store, other.id, &[of_other[0], codes[0]]).await;
    assert!(!spend(&*store, user.id, of_other[0]).await);
    assert!(!spend(&*store, user.id, digest(unique())).await);
    assert!(!spend(&*store, user_id(), codes[0]).await);
    assert_eq!((codes_left(&*store, user.id).await, codes_left(&*store, other.id).await), (3, 2));
    assert!(spend(&*store, user.id, codes[0]).await);
    assert!(!spend(&*store, user.id, codes[0]).await);
    assert_eq!((codes_left(&*store, user.id).await, codes_left(&*store, other.id).await), (2, 2));
    assert!(spend(&*store, other.id, codes[0]).await);
    assert!(spend(&*store, user.id, codes[1]).await && spend(&*store, user.id, codes[2]).await);
    assert_eq!((codes_left(&*store, user.id).await, codes_left(&*store, other.id).await), (0, 1));
}

/// Of 1,000 concurrent calls that spend a recovery code exactly one MUST return `true`.
pub async fn of_many_spenders_exactly_one_wins(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let codes = digests(2);
    replace(&*store, user.id, &codes).await;
    let spent = successes_of_many(|| {
        let (store, user, code) = (store.clone(), user.id, codes[0]);
        async move { spend(&*store, user, code).await }
    });
    assert_eq!(spent.await, 1);
    assert_eq!(codes_left(&*store, user.id).await, 1);
}

/// A unit counts the recovery codes that it has written or spent; others do so from the commit on.
pub async fn units_count_their_own_recovery_codes(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let codes = digests(4);
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    unit.factors().replace_recovery_codes(user.id, &codes).await.unwrap();
    assert_eq!(unit.factors().recovery_codes_left(user.id).await.unwrap(), 4);
    assert!(unit.factors().spend_recovery_code(user.id, &codes[0]).await.unwrap());
    assert_eq!(unit.factors().recovery_codes_left(user.id).await.unwrap(), 3);
    assert_eq!(codes_left(&*store, user.id).await, 0);
    unit.commit().await.unwrap();
    assert_eq!(codes_left(&*store, user.id).await, 3);
}

/// `take_code` MUST follow the rule of [`Spent::take`], for each user and budget alone.
pub async fn budgets_follow_the_shared_rule(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    for budget in Budget::ALL {
        assert_eq!(budgets_of(&*store, user.id).await, []);
        let mut current = None;
        let mut take_at = async |at: OffsetDateTime| {
            let expected = Spent::take(budget, current, at);
            assert_eq!(take(&*store, user.id, budget, at).await, expected, "{at}");
            // A call that took nothing changed nothing.
            current = expected.or(current);
            assert_eq!(budgets_of(&*store, user.id).await, current.into_iter().collect::<Vec<Spent>>());
            expected.map(|spent| spent.taken)
        };
        // The period ends a day after the first code.
        assert_eq!(take_at(now()).await, Some(1));
        assert_eq!(take_at(now() + Budget::PERIOD - TICK).await, Some(2));
        let start = now() + Budget::PERIOD;
        for taken in 1..=budget.limit() {
            assert_eq!(take_at(start + Duration::seconds(taken.into())).await, Some(taken));
        }
        // A budget that is used up opens a day after the last code.
        let last = start + Duration::seconds(budget.limit().into());
        for at in [last, start + Budget::PERIOD + Duration::SECOND, last + Budget::PERIOD - TICK] {
            assert_eq!(take_at(at).await, None, "{at}");
        }
        assert_eq!(take_at(last + Budget::PERIOD).await, Some(1));
        reopen(&*store, user.id, None).await;
    }
    assert_eq!(budgets_of(&*store, other.id).await, []);
}

/// Of 1,000 concurrent calls exactly as many as the budget allows MUST succeed.
pub async fn of_many_codes_only_the_budget_is_taken(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    let budget = Budget::Totp;
    // The second round starts from a budget that was used up a day before.
    for at in [now(), now() + Budget::PERIOD] {
        let taken = together((0..1_000).map(|_| {
            let (store, user) = (store.clone(), user.id);
            async move { take(&*store, user, budget, at).await.map(|spent| spent.taken) }
        }));
        let mut taken: Vec<i16> = taken.await.into_iter().flatten().collect();
        taken.sort_unstable();
        assert_eq!(taken, (1..=20).collect::<Vec<i16>>());
        assert_eq!(budgets_of(&*store, user.id).await, [Spent { budget, taken: 20, since: at }]);
    }
    assert_eq!(budgets_of(&*store, other.id).await, []);
}

/// `return_code` returns one code to a budget, also to one that is used up, and to no other budget.
pub async fn returned_codes_can_be_taken_again(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    let taken = async |budget: Budget| {
        let budgets = budgets_of(&*store, user.id).await;
        budgets.into_iter().find(|spent| spent.budget == budget).map_or(0, |spent| spent.taken)
    };
    give_back(&*store, user.id, Budget::Totp).await;
    assert_eq!(taken(Budget::Totp).await, 0);
    for n in 1..=Budget::Totp.limit() {
        assert_eq!(take(&*store, user.id, Budget::Totp, now()).await.unwrap().taken, n);
    }
    take(&*store, user.id, Budget::RecoveryCode, now()).await.unwrap();
    take(&*store, other.id, Budget::Totp, now()).await.unwrap();
    assert_eq!(take(&*store, user.id, Budget::Totp, now()).await, None);
    give_back(&*store, user.id, Budget::Totp).await;
    assert_eq!((taken(Budget::Totp).await, taken(Budget::RecoveryCode).await), (19, 1));
    assert_eq!(budgets_of(&*store, other.id).await[0].taken, 1);
    assert_eq!(take(&*store, user.id, Budget::Totp, now()).await.unwrap().taken, 20);
    assert_eq!(take(&*store, user.id, Budget::Totp, now()).await, None);
    for _ in 0..2 {
        give_back(&*store, user.id, Budget::RecoveryCode).await;
        assert_eq!(taken(Budget::RecoveryCode).await, 0);
    }
    assert_eq!(take(&*store, user.id, Budget::RecoveryCode, now()).await.unwrap().taken, 1);
}

/// `reopen_budgets` opens all budgets of the user but one, and none of another user.
pub async fn budgets_are_reopened_but_one(store: Arc<dyn Store>) {
    let (user, other) = two_users(&*store).await;
    for except in Budget::ALL.map(Some).into_iter().chain([None]) {
        reopen(&*store, user.id, None).await;
        let mut spent = Vec::new();
        for budget in Budget::ALL {
            spent.push(take(&*store, user.id, budget, now()).await.unwrap());
            take(&*store, other.id, budget, now()).await.unwrap();
        }
        let before = budgets_of(&*store, other.id).await;
        reopen(&*store, user.id, except).await;
        spent.retain(|spent| Some(spent.budget) == except);
        assert_eq!(budgets_of(&*store, user.id).await, spent, "{except:?}");
        assert_eq!(budgets_of(&*store, other.id).await, before);
    }
}

/// Codes that are spent or taken in a unit without a commit stay.
pub async fn a_rollback_keeps_codes_and_budgets(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let codes = digests(2);
    replace(&*store, user.id, &codes).await;
    let spent = take(&*store, user.id, Budget::Totp, now()).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    unit.users().lock(user.id).await.unwrap();
    assert!(unit.factors().spend_recovery_code(user.id, &codes[0]).await.unwrap());
    unit.factors().replace_recovery_codes(user.id, &digests(5)).await.unwrap();
    assert!(unit.factors().take_code(user.id, Budget::Totp, now()).await.unwrap().is_some());
    unit.factors().reopen_budgets(user.id, None).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(codes_left(&*store, user.id).await, 2);
    assert_eq!(budgets_of(&*store, user.id).await, [spent]);
    assert!(spend(&*store, user.id, codes[0]).await);
}
