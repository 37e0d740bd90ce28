//! `ChallengeReader` and `ChallengeRepository`.

use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::challenge::{Challenge, ChallengeId, ChallengePurpose};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, second_unit, successes_of_many, together};
use crate::fixtures::{self, challenge, now, user_fixture};

const TICK: Duration = Duration::MICROSECOND;

/// The challenge as committed.
async fn stored(store: &dyn Store, challenge: &Challenge) -> Option<Challenge> {
    store.read().await.unwrap().challenges().by_digest(&challenge.digest, challenge.purpose).await.unwrap()
}

async fn add(store: &dyn Store, challenges: &[&Challenge]) {
    in_unit!(store, |unit| for challenge in challenges {
        unit.challenges().insert(challenge).await.unwrap();
    });
}

async fn attempt(store: &dyn Store, id: ChallengeId, now: OffsetDateTime) -> Option<i16> {
    in_unit!(store, |unit| unit.challenges().take_attempt(id, now).await.unwrap())
}

async fn spend(store: &dyn Store, id: ChallengeId, now: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.challenges().spend(id, now).await.unwrap())
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.challenges().sweep(before, limit).await.unwrap())
}

async fn added_user(store: &dyn Store) -> User {
    let user = user_fixture();
    add_users(store, &[&user]).await;
    user
}

/// Every field of an inserted challenge is read back unchanged.
pub async fn challenges_are_read_back_exactly(store: Arc<dyn Store>) {
    let user = fixtures::distinct_user();
    add_users(&*store, &[&user]).await;
    for purpose in ChallengePurpose::ALL {
        let distinct = Challenge {
            credential_version: i64::from(u32::MAX) + 7,
            attempts_left: 3,
            ..challenge(&user, purpose)
        };
        let bare = Challenge {
            user_id: None,
            session_id: None,
            user_handle: None,
            attempts_left: 0,
            ..challenge(&user, purpose)
        };
        for challenge in [distinct, bare] {
            assert_eq!(stored(&*store, &challenge).await, None);
            add(&*store, &[&challenge]).await;
            assert_eq!(stored(&*store, &challenge).await, Some(challenge));
        }
    }
}

/// `by_digest` finds a challenge for its own purpose only, also after its expiry.
pub async fn challenges_are_found_for_their_purpose(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    for purpose in ChallengePurpose::ALL {
        let expired = Challenge { expires_at: now() - Duration::DAY, ..challenge(&user, purpose) };
        add(&*store, &[&expired]).await;
        for other in ChallengePurpose::ALL {
            let found = stored(&*store, &Challenge { purpose: other, ..expired.clone() }).await;
            assert_eq!(found, (other == purpose).then(|| expired.clone()), "{purpose:?} {other:?}");
        }
    }
}

/// `take_attempt` counts down. If none is left, it MUST change nothing.
pub async fn attempts_are_taken_one_by_one(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let (challenge, other, without) = (fresh(), fresh(), Challenge { attempts_left: 0, ..fresh() });
    add(&*store, &[&challenge, &other, &without]).await;
    for attempts_left in (0..Challenge::ATTEMPTS).rev() {
        assert_eq!(attempt(&*store, challenge.id, now()).await, Some(attempts_left));
        let expected = Challenge { attempts_left, ..challenge.clone() };
        assert_eq!(stored(&*store, &challenge).await, Some(expected));
    }
    for used_up in [&Challenge { attempts_left: 0, ..challenge }, &without] {
        assert_eq!(attempt(&*store, used_up.id, now()).await, None);
        assert_eq!(stored(&*store, used_up).await.as_ref(), Some(used_up));
    }
    assert_eq!(stored(&*store, &other).await, Some(other));
    // The last attempt may be the right one.
    assert!(spend(&*store, without.id, now()).await);
}

/// An attempt at an expired or unknown challenge MUST change nothing.
pub async fn expired_challenges_take_no_attempt(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let challenge = fresh();
    add(&*store, &[&challenge]).await;
    assert_eq!(attempt(&*store, fresh().id, now()).await, None);
    for late in [challenge.expires_at, challenge.expires_at + TICK] {
        assert_eq!(attempt(&*store, challenge.id, late).await, None);
    }
    assert_eq!(stored(&*store, &challenge).await.as_ref(), Some(&challenge));
    assert_eq!(attempt(&*store, challenge.id, challenge.expires_at - TICK).await, Some(4));
}

/// Of 1,000 concurrent calls exactly as many as there are attempts MUST succeed.
pub async fn of_many_attempts_exactly_five_are_taken(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let challenge = fresh();
    add(&*store, &[&challenge]).await;
    let taken = together((0..1_000).map(|_| {
        let (store, id) = (store.clone(), challenge.id);
        async move { attempt(&*store, id, now()).await }
    }));
    let mut taken: Vec<i16> = taken.await.into_iter().flatten().collect();
    taken.sort_unstable();
    assert_eq!(taken, [0, 1, 2, 3, 4]);
    assert_eq!(stored(&*store, &challenge).await, Some(Challenge { attempts_left: 0, ..challenge }));
}

/// `spend` takes a valid challenge once. From its expiry on, it MUST change nothing.
pub async fn a_valid_challenge_is_spent_once(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let (challenge, other) = (fresh(), fresh());
    add(&*store, &[&challenge, &other]).await;
    let end = challenge.expires_at;
    assert!(!spend(&*store, fresh().id, now()).await);
    assert!(!spend(&*store, challenge.id, end).await);
    assert_eq!(stored(&*store, &challenge).await.as_ref(), Some(&challenge));
    assert!(spend(&*store, challenge.id, end - TICK).await);
    assert!(!spend(&*store, challenge.id, end - TICK).await);
    assert_eq!(attempt(&*store, challenge.id, now()).await, None);
    assert_eq!(stored(&*store, &challenge).await, None);
    assert_eq!(stored(&*store, &other).await, Some(other));
}

/// Of 1,000 concurrent calls that spend a challenge exactly one MUST return `true`.
pub async fn of_many_spenders_exactly_one_wins(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let challenge = fresh();
    add(&*store, &[&challenge]).await;
    let spent = successes_of_many(|| {
        let (store, id) = (store.clone(), challenge.id);
        async move { spend(&*store, id, now()).await }
    });
    assert_eq!(spent.await, 1);
}

/// A challenge that is added, tried or spent in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_challenge(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let challenge = fresh();
    let mut unit = store.begin().await.unwrap();
    unit.challenges().insert(&challenge).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(stored(&*store, &challenge).await, None);
    add(&*store, &[&challenge]).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.challenges().take_attempt(challenge.id, now()).await.unwrap(), Some(4));
    assert!(unit.challenges().spend(challenge.id, now()).await.unwrap());
    drop(unit);
    assert_eq!(stored(&*store, &challenge).await.as_ref(), Some(&challenge));
    assert!(spend(&*store, challenge.id, now()).await);
}

/// The deletion of a user MUST delete the user's challenges, and no others.
pub async fn deleted_users_have_no_challenges(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let all = ChallengePurpose::ALL.map(|purpose| challenge(&user, purpose));
    let of_other = challenge(&other, ChallengePurpose::Login);
    let of_none = Challenge { user_id: None, ..challenge(&user, ChallengePurpose::PasskeyLogin) };
    add(&*store, &all.iter().chain([&of_other, &of_none]).collect::<Vec<_>>()).await;
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    for challenge in &all {
        assert_eq!(stored(&*store, challenge).await, None);
    }
    for kept in [&of_other, &of_none] {
        assert_eq!(stored(&*store, kept).await.as_ref(), Some(kept));
    }
}

/// A sweep deletes challenges that expired before a time, at most `limit` of them.
pub async fn a_sweep_deletes_expired_challenges(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let expiring = |seconds| Challenge { expires_at: now() + Duration::seconds(seconds), ..fresh() };
    let all: Vec<Challenge> = (0..6).map(expiring).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[4].expires_at;
    assert_eq!(sweep(&*store, before, 3).await, 3);
    assert_eq!(sweep(&*store, before, 3).await, 1);
    assert_eq!(sweep(&*store, before, 3).await, 0);
    for kept in &all[4..] {
        assert_eq!(stored(&*store, kept).await.as_ref(), Some(kept));
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each challenge.
pub async fn concurrent_sweeps_count_each_challenge_once(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    for _ in 0..ROUNDS {
        let all: Vec<Challenge> = (0..20).map(|_| fresh()).collect();
        add(&*store, &all.iter().collect::<Vec<_>>()).await;
        let before = all[0].expires_at + TICK;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, before, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, before, 20).await, 20);
    }
}

/// In a store with several writers, a sweep MUST skip what another one is deleting, and not wait for it.
pub async fn a_sweep_skips_what_another_deletes(store: Arc<dyn Store>) {
    let user = added_user(&*store).await;
    let fresh = || challenge(&user, ChallengePurpose::Login);
    let all: Vec<Challenge> = (0..10).map(|_| fresh()).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[0].expires_at + TICK;
    let mut first = store.begin().await.unwrap();
    assert_eq!(first.challenges().sweep(before, 7).await.unwrap(), 7);
    if let Some(mut second) = second_unit(&*store).await {
        assert_eq!(second.challenges().sweep(before, 7).await.unwrap(), 3);
        second.commit().await.unwrap();
    }
    first.commit().await.unwrap();
    sweep(&*store, before, 7).await;
    for challenge in &all {
        assert_eq!(stored(&*store, challenge).await, None);
    }
}
