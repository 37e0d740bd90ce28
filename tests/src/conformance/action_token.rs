//! `ActionTokenReader` and `ActionTokenRepository`.

use std::collections::HashSet;
use std::sync::Arc;

use inwren_domain::account::{Inserted, User, UserChange};
use inwren_domain::action_token::{ActionToken, ActionTokenId, Purpose};
use inwren_domain::kernel::{ClientInfo, Email, TokenDigest, UserId};
use inwren_domain::keyring::SecretKeyId;
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, assert_waits, second_unit, together};
use crate::fixtures::{self, account, action_token, digest, email, fresh_email, now, unique, user_fixture};

const TICK: Duration = Duration::MICROSECOND;

async fn token_of(store: &dyn Store, id: ActionTokenId) -> Option<ActionToken> {
    store.read().await.unwrap().action_tokens().by_id(id).await.unwrap()
}

async fn exists(store: &dyn Store, token: &ActionToken) -> bool {
    token_of(store, token.id).await.is_some()
}

async fn add(store: &dyn Store, tokens: &[&ActionToken]) {
    in_unit!(store, |unit| for token in tokens {
        unit.users().lock(token.user_id).await.unwrap();
        unit.action_tokens().insert(token).await.unwrap();
    });
}

async fn spend(store: &dyn Store, id: ActionTokenId, digest: TokenDigest, now: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.action_tokens().spend(id, &digest, now).await.unwrap())
}

async fn count(store: &dyn Store, id: ActionTokenId, now: OffsetDateTime) -> Option<i16> {
    in_unit!(store, |unit| unit.action_tokens().count_code(id, now).await.unwrap())
}

async fn take_expired(
    store: &dyn Store,
    purpose: Purpose,
    now: OffsetDateTime,
    limit: u16,
) -> Vec<ActionToken> {
    in_unit!(store, |unit| unit.action_tokens().take_expired(purpose, now, limit).await.unwrap())
}

async fn is_reserved(store: &dyn Store, email: &Email, except: UserId, now: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.action_tokens().is_reserved(email, except, now).await.unwrap())
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.action_tokens().sweep(before, limit).await.unwrap())
}

/// Inserted tokens are read back unchanged.
pub async fn tokens_are_read_back_exactly(store: Arc<dyn Store>) {
    let user = fixtures::distinct_user();
    add_users(&*store, &[&user]).await;
    for purpose in Purpose::ALL {
        let token = ActionToken {
            email: email("Grüße.用户@Bücher.Example"),
            wrong_codes: 7,
            created_at: now() + TICK,
            ..action_token(&user, *purpose)
        };
        assert_eq!(token_of(&*store, token.id).await, None);
        add(&*store, &[&token]).await;
        let found = token_of(&*store, token.id).await.unwrap();
        assert_eq!(found.email.as_str(), token.email.as_str());
        assert_eq!(found, token);
    }
    let (key_id, session_id, client) = (SecretKeyId::new(0), None, ClientInfo::default());
    let bare = ActionToken { key_id, session_id, client, ..action_token(&user, Purpose::UndoEmail) };
    add(&*store, &[&bare]).await;
    assert_eq!(token_of(&*store, bare.id).await, Some(bare));
}

/// A new token MUST replace the user's other tokens of its purpose, undo tokens excepted.
pub async fn a_new_token_replaces_its_predecessors(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    for purpose in Purpose::ALL {
        let older = action_token(&user, *purpose);
        let newer = ActionToken { created_at: now() + TICK, ..action_token(&user, *purpose) };
        let of_other = action_token(&other, *purpose);
        add(&*store, &[&of_other, &older, &newer]).await;
        assert_eq!(exists(&*store, &older).await, *purpose == Purpose::UndoEmail, "{purpose:?}");
        assert!(exists(&*store, &newer).await && exists(&*store, &of_other).await);
        let mut view = store.read().await.unwrap();
        let newest = view.action_tokens().newest_of(user.id, *purpose).await.unwrap();
        assert_eq!(newest, Some(newer));
    }
    let mut view = store.read().await.unwrap();
    for purpose in Purpose::ALL {
        assert!(view.action_tokens().newest_of(other.id, *purpose).await.unwrap().is_some(), "{purpose:?}");
    }
    assert_eq!(
        view.action_tokens().newest_of(user_fixture().id, Purpose::ResetPassword).await.unwrap(),
        None
    );
}

/// `spend` takes a valid token once. With another digest, or from its expiry on, it MUST change nothing.
pub async fn a_valid_token_is_spent_once(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let (token, other) =
        (action_token(&user, Purpose::ResetPassword), action_token(&user, Purpose::UndoEmail));
    add(&*store, &[&token, &other]).await;
    let last = token.expires_at - TICK;
    assert!(!spend(&*store, token.id, other.hashed_token, now()).await);
    assert!(!spend(&*store, other.id, token.hashed_token, now()).await);
    assert!(!spend(&*store, action_token(&user, Purpose::UndoEmail).id, token.hashed_token, now()).await);
    assert!(!spend(&*store, token.id, token.hashed_token, token.expires_at).await);
    assert_eq!(token_of(&*store, token.id).await, Some(token.clone()));
    assert!(spend(&*store, token.id, token.hashed_token, last).await);
    assert!(!spend(&*store, token.id, token.hashed_token, last).await);
    assert_eq!(token_of(&*store, token.id).await, None);
    assert_eq!(token_of(&*store, other.id).await, Some(other));
}

/// Of 1,000 concurrent calls that spend a token exactly one MUST return `true`.
pub async fn of_many_spenders_exactly_one_wins(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let token = action_token(&user, Purpose::ResetPassword);
    add(&*store, &[&token]).await;
    let spent = together((0..1_000).map(|_| {
        let (store, id, digest) = (store.clone(), token.id, token.hashed_token);
        async move { spend(&*store, id, digest, now()).await }
    }));
    assert_eq!(spent.await.into_iter().filter(|spent| *spent).count(), 1);
}

/// `count_code` counts up to the limit, and returns how many are left. Beyond it, it MUST change nothing.
pub async fn codes_are_counted_up_to_the_limit(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let (token, other) =
        (action_token(&user, Purpose::ResetPassword), action_token(&user, Purpose::UndoEmail));
    add(&*store, &[&token, &other]).await;
    for wrong_codes in 1..=ActionToken::WRONG_CODES {
        let left = ActionToken::WRONG_CODES - wrong_codes;
        assert_eq!(count(&*store, token.id, now()).await, Some(left));
        let expected = ActionToken { wrong_codes, ..token.clone() };
        assert_eq!(token_of(&*store, token.id).await, Some(expected));
    }
    for _ in 0..2 {
        assert_eq!(count(&*store, token.id, now()).await, None);
    }
    let expected = ActionToken { wrong_codes: ActionToken::WRONG_CODES, ..token };
    assert_eq!(token_of(&*store, expected.id).await, Some(expected));
    assert_eq!(token_of(&*store, other.id).await, Some(other));
}

/// A code with an expired or unknown token MUST change nothing.
pub async fn invalid_tokens_count_no_code(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let token = action_token(&user, Purpose::ResetPassword);
    add(&*store, &[&token]).await;
    assert_eq!(count(&*store, action_token(&user, Purpose::UndoEmail).id, now()).await, None);
    for late in [token.expires_at, token.expires_at + TICK] {
        assert_eq!(count(&*store, token.id, late).await, None);
    }
    assert_eq!(token_of(&*store, token.id).await.as_ref(), Some(&token));
    assert_eq!(count(&*store, token.id, token.expires_at - TICK).await, Some(ActionToken::WRONG_CODES - 1));
}

/// Of 1,000 concurrent calls exactly as many as are allowed MUST succeed.
pub async fn of_many_codes_only_twenty_are_counted(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let token = action_token(&user, Purpose::ResetPassword);
    add(&*store, &[&token]).await;
    let counted = together((0..1_000).map(|_| {
        let (store, id) = (store.clone(), token.id);
        async move { count(&*store, id, now()).await }
    }));
    let mut counted: Vec<i16> = counted.await.into_iter().flatten().collect();
    counted.sort_unstable();
    assert_eq!(counted, (0..20).collect::<Vec<i16>>());
    assert_eq!(token_of(&*store, token.id).await, Some(ActionToken { wrong_codes: 20, ..token }));
}

/// A token that is spent or counted in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_token(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let token = action_token(&user, Purpose::VerifyEmail);
    let mut unit = store.begin().await.unwrap();
    unit.action_tokens().insert(&token).await.unwrap();
    unit.rollback().await.unwrap();
    assert!(!exists(&*store, &token).await);
    add(&*store, &[&token]).await;
    let mut unit = store.begin().await.unwrap();
    assert_eq!(unit.action_tokens().count_code(token.id, now()).await.unwrap(), Some(19));
    assert!(unit.action_tokens().spend(token.id, &token.hashed_token, now()).await.unwrap());
    drop(unit);
    assert_eq!(token_of(&*store, token.id).await.as_ref(), Some(&token));
    let mut unit = store.begin().await.unwrap();
    // Another case may sweep the token at the same moment; the unit then skips it.
    unit.action_tokens().take_expired(token.purpose, token.expires_at + TICK, 9).await.unwrap();
    unit.rollback().await.unwrap();
    assert!(spend(&*store, token.id, token.hashed_token, now()).await);
}

/// `void_all` deletes the user's tokens; undo tokens and those of other users MUST stay.
pub async fn voiding_spares_undo_tokens(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let all: Vec<ActionToken> = Purpose::ALL.iter().map(|purpose| action_token(&user, *purpose)).collect();
    let of_other = action_token(&other, Purpose::ResetPassword);
    add(&*store, &all.iter().chain([&of_other]).collect::<Vec<_>>()).await;
    let void = async || in_unit!(store, |unit| unit.action_tokens().void_all(user.id).await.unwrap());
    assert_eq!(void().await, Purpose::ALL.len() as u64 - 1);
    assert_eq!(void().await, 0);
    for token in &all {
        assert_eq!(exists(&*store, token).await, token.purpose == Purpose::UndoEmail, "{token:?}");
    }
    assert!(exists(&*store, &of_other).await);
}

/// `void` deletes the user's tokens of a purpose, and no others.
pub async fn voiding_a_purpose_spares_the_others(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    for purpose in Purpose::ALL {
        let all: Vec<ActionToken> =
            Purpose::ALL.iter().map(|purpose| action_token(&user, *purpose)).collect();
        let of_other = action_token(&other, *purpose);
        add(&*store, &all.iter().chain([&of_other]).collect::<Vec<_>>()).await;
        let void = async || {
            in_unit!(store, |unit| {
                unit.users().lock(user.id).await.unwrap();
                unit.action_tokens().void(user.id, *purpose).await.unwrap()
            })
        };
        assert!(void().await >= 1, "{purpose:?}");
        assert_eq!(void().await, 0, "{purpose:?}");
        for token in &all {
            assert_eq!(exists(&*store, token).await, token.purpose != *purpose, "{purpose:?} {token:?}");
        }
        assert!(exists(&*store, &of_other).await, "{purpose:?}");
    }
}

/// `take_expired` deletes and returns at most `limit` tokens of a purpose that expired before a time.
pub async fn expired_tokens_of_a_purpose_are_taken(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..6).map(|_| fixtures::distinct_user()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let expiring = |(user, seconds)| ActionToken {
        expires_at: now() + Duration::seconds(seconds),
        wrong_codes: 3,
        ..action_token(user, Purpose::KeepFactors)
    };
    let tokens: Vec<ActionToken> = users.iter().zip(0..).map(expiring).collect();
    let other = ActionToken { expires_at: now(), ..action_token(&users[0], Purpose::ResetPassword) };
    add(&*store, &tokens.iter().chain([&other]).collect::<Vec<_>>()).await;
    let before = tokens[4].expires_at;
    let mut taken = Vec::new();
    for expected in [3, 1, 0] {
        let some = take_expired(&*store, Purpose::KeepFactors, before, 3).await;
        assert_eq!(some.len(), expected);
        taken.extend(some);
    }
    taken.sort_by_key(|token| token.expires_at);
    assert_eq!(taken, tokens[..4]);
    for token in &taken {
        assert!(!exists(&*store, token).await, "{token:?}");
    }
    for kept in tokens[4..].iter().chain([&other]) {
        assert_eq!(token_of(&*store, kept.id).await.as_ref(), Some(kept));
    }
}

/// However many callers take concurrently, each token MUST go to exactly one of them.
pub async fn each_expired_token_is_taken_once(store: Arc<dyn Store>) {
    let users: Vec<User> = (0..200).map(|_| user_fixture()).collect();
    add_users(&*store, &users.iter().collect::<Vec<_>>()).await;
    let tokens: Vec<ActionToken> =
        users.iter().map(|user| action_token(user, Purpose::KeepFactors)).collect();
    add(&*store, &tokens.iter().collect::<Vec<_>>()).await;
    let now = tokens[0].expires_at + TICK;
    let taken = together((0..1_000).map(|_| {
        let store = store.clone();
        async move { take_expired(&*store, Purpose::KeepFactors, now, 3).await }
    }));
    let mut taken: Vec<ActionToken> = taken.await.into_iter().flatten().collect();
    // Callers may skip what others are taking.
    taken.extend(take_expired(&*store, Purpose::KeepFactors, now, 200).await);
    assert_eq!(taken.len(), tokens.len());
    let ids: HashSet<ActionTokenId> = taken.iter().map(|token| token.id).collect();
    assert_eq!(ids, tokens.iter().map(|token| token.id).collect::<HashSet<_>>());
}

/// `void_undo_after` deletes the user's undo tokens that are newer than a time, and no other token.
pub async fn only_later_undo_tokens_are_voided(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let undo = |user, seconds| ActionToken {
        created_at: now() + Duration::seconds(seconds),
        ..action_token(user, Purpose::UndoEmail)
    };
    let (first, second, third) = (undo(&user, 1), undo(&user, 2), undo(&user, 3));
    let (of_other, reset) = (
        undo(&other, 3),
        ActionToken {
            created_at: now() + Duration::seconds(3),
            ..action_token(&user, Purpose::ResetPassword)
        },
    );
    add(&*store, &[&first, &second, &third, &of_other, &reset]).await;
    let void = in_unit!(store, |unit| {
        unit.action_tokens().void_undo_after(user.id, second.created_at).await.unwrap()
    });
    assert_eq!(void, 1);
    assert!(!exists(&*store, &third).await);
    for stays in [&first, &second, &of_other, &reset] {
        assert!(exists(&*store, stays).await, "{stays:?}");
    }
}

/// A valid undo token of another user reserves its address, in any letters.
pub async fn undo_tokens_reserve_their_address(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let at = |address, purpose| ActionToken { email: email(address), ..action_token(&user, purpose) };
    let token = at("Ann@Example.org", Purpose::UndoEmail);
    add(&*store, &[&token, &at("lee@example.org", Purpose::ChangeEmail)]).await;
    for same in ["Ann@Example.org", "aNN@example.ORG"] {
        assert!(is_reserved(&*store, &email(same), other.id, now()).await, "{same}");
        assert!(!is_reserved(&*store, &email(same), user.id, now()).await, "{same}");
        assert!(is_reserved(&*store, &email(same), other.id, token.expires_at - TICK).await, "{same}");
        assert!(!is_reserved(&*store, &email(same), other.id, token.expires_at).await, "{same}");
    }
    for free in [email("lee@example.org"), fresh_email()] {
        assert!(!is_reserved(&*store, &free, other.id, now()).await, "{}", free.as_str());
    }
    assert!(spend(&*store, token.id, token.hashed_token, now()).await);
    assert!(!is_reserved(&*store, &token.email, other.id, now()).await);
}

/// `is_reserved` MUST see a token that was committed after its unit began.
pub async fn reservations_of_concurrent_units_are_seen(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let token = action_token(&user, Purpose::UndoEmail);
    let mut moving = store.begin().await.unwrap();
    moving.users().lock(user.id).await.unwrap();
    let change = UserChange { email: Some(fresh_email()), ..UserChange::default() };
    moving.users().update(user.id, &change, now()).await.unwrap();
    moving.action_tokens().insert(&token).await.unwrap();
    let taking = store.clone();
    let newcomer = fixtures::user(user.email.as_str());
    let mut waiting = tokio::spawn(async move {
        let mut unit = taking.begin().await.unwrap();
        let inserted = unit.users().insert(&account(&newcomer)).await.unwrap();
        let reserved = unit.action_tokens().is_reserved(&newcomer.email, newcomer.id, now()).await.unwrap();
        unit.rollback().await.unwrap();
        (inserted, reserved)
    });
    assert_waits(&mut waiting).await;
    moving.commit().await.unwrap();
    assert_eq!(waiting.await.unwrap(), (Inserted::Inserted, true));
}

/// The deletion of a user MUST delete all tokens of the user.
pub async fn deleted_users_have_no_tokens(store: Arc<dyn Store>) {
    let (user, other) = (user_fixture(), user_fixture());
    add_users(&*store, &[&user, &other]).await;
    let all: Vec<ActionToken> = Purpose::ALL.iter().map(|purpose| action_token(&user, *purpose)).collect();
    let of_other = action_token(&other, Purpose::UndoEmail);
    add(&*store, &all.iter().chain([&of_other]).collect::<Vec<_>>()).await;
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    for token in &all {
        assert!(!exists(&*store, token).await, "{token:?}");
    }
    assert!(exists(&*store, &of_other).await);
    assert!(!is_reserved(&*store, &user.email, other.id, now()).await);
}

/// A sweep deletes tokens that expired before a time, at most `limit` of them.
pub async fn a_sweep_deletes_expired_tokens(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let expiring = |seconds| ActionToken {
        expires_at: now() + Duration::seconds(seconds),
        ..action_token(&user, Purpose::UndoEmail)
    };
    let tokens: Vec<ActionToken> = (0..6).map(expiring).collect();
    add(&*store, &tokens.iter().collect::<Vec<_>>()).await;
    let before = tokens[4].expires_at;
    assert_eq!(sweep(&*store, before, 3).await, 3);
    assert_eq!(sweep(&*store, before, 3).await, 1);
    assert_eq!(sweep(&*store, before, 3).await, 0);
    assert!(exists(&*store, &tokens[4]).await && exists(&*store, &tokens[5]).await);
}

/// A sweep MUST leave tokens that keep factors: `take_expired` takes them.
pub async fn a_sweep_leaves_tokens_that_keep_factors(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let all: Vec<ActionToken> = Purpose::ALL.iter().map(|purpose| action_token(&user, *purpose)).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = now() + Duration::days(365);
    assert_eq!(sweep(&*store, before, 100).await, all.len() as u64 - 1);
    for token in &all {
        assert_eq!(exists(&*store, token).await, token.purpose == Purpose::KeepFactors, "{token:?}");
    }
    assert_eq!(take_expired(&*store, Purpose::KeepFactors, before, 100).await.len(), 1);
}

/// In a store with several writers, a sweep MUST skip what another one is deleting, and not wait for it.
pub async fn a_sweep_skips_what_another_deletes(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    let tokens: Vec<ActionToken> = (0..10).map(|_| action_token(&user, Purpose::UndoEmail)).collect();
    add(&*store, &tokens.iter().collect::<Vec<_>>()).await;
    let before = tokens[0].expires_at + TICK;
    let mut first = store.begin().await.unwrap();
    assert_eq!(first.action_tokens().sweep(before, 7).await.unwrap(), 7);
    if let Some(mut second) = second_unit(&*store).await {
        assert_eq!(second.action_tokens().sweep(before, 7).await.unwrap(), 3);
        second.commit().await.unwrap();
    }
    first.commit().await.unwrap();
    sweep(&*store, before, 7).await;
    for token in &tokens {
        assert!(!exists(&*store, token).await, "{token:?}");
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each token.
pub async fn concurrent_sweeps_count_each_token_once(store: Arc<dyn Store>) {
    let user = user_fixture();
    add_users(&*store, &[&user]).await;
    for _ in 0..ROUNDS {
        let token =
            || ActionToken { hashed_token: digest(unique()), ..action_token(&user, Purpose::UndoEmail) };
        let tokens: Vec<ActionToken> = (0..20).map(|_| token()).collect();
        add(&*store, &tokens.iter().collect::<Vec<_>>()).await;
        let before = tokens[0].expires_at + TICK;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, before, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, before, 20).await, 20);
    }
}
