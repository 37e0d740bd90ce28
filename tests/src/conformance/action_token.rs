//! `ActionTokenReader` and `ActionTokenRepository`.

use std::sync::Arc;

use inwren_domain::account::{Inserted, UserChange};
use inwren_domain::action_token::{ActionToken, ActionTokenId, Purpose};
use inwren_domain::kernel::{ClientInfo, Email, TokenDigest, UserId};
use inwren_domain::keyring::SecretKeyId;
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, assert_waits, together};
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

/// A token that is spent in a unit without a commit stays valid.
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
    assert!(unit.action_tokens().spend(token.id, &token.hashed_token, now()).await.unwrap());
    drop(unit);
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
