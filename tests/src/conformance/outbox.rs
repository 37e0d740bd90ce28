//! `OutboxReader` and `OutboxRepository`.

use std::collections::HashSet;
use std::sync::Arc;

use inwren_domain::account::User;
use inwren_domain::action_token::{ActionTokenId, Purpose};
use inwren_domain::kernel::{AgeCursor, ClientInfo, Email, Locale, Page, PageRequest, UserId};
use inwren_domain::outbox::{
    ClaimId, Delivery, Letter, LetterCursor, LetterId, LetterKind, LetterState, OutboxFigures,
};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, add_users, assert_same_user, together, user_of};
use crate::fixtures::{
    self, action_token, application, claim_id, distinct_user, email, fresh_email, now, pending_registration,
    session_id, user_id,
};

const TICK: Duration = Duration::MICROSECOND;

fn reset() -> Letter {
    fixtures::letter(LetterKind::PasswordReset, &fresh_email())
}

/// A letter that the claim holds.
fn claimed(claim: ClaimId) -> Letter {
    Letter {
        state: LetterState::Sending,
        claim: Some(claim),
        next_attempt_at: now() + Letter::LEASE,
        ..reset()
    }
}

async fn add(store: &dyn Store, letters: &[&Letter]) {
    in_unit!(store, |unit| for letter in letters {
        unit.outbox().insert(letter).await.unwrap();
    });
}

async fn page(
    store: &dyn Store,
    state: Option<LetterState>,
    limit: u16,
    after: Option<LetterCursor>,
) -> Page<Letter, LetterCursor> {
    store.read().await.unwrap().outbox().page(state, PageRequest::new(limit, after)).await.unwrap()
}

async fn letter_of(store: &dyn Store, id: LetterId) -> Option<Letter> {
    page(store, None, PageRequest::MAX_LIMIT, None).await.items.into_iter().find(|letter| letter.id == id)
}

async fn claim(store: &dyn Store, by: ClaimId, now: OffsetDateTime, limit: u16) -> Vec<Letter> {
    in_unit!(store, |unit| unit
        .outbox()
        .claim(by, now, now + Letter::LEASE, limit, Delivery::Letters)
        .await
        .unwrap())
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.outbox().sweep(before, limit).await.unwrap())
}

/// Inserted letters are read back unchanged, of every kind and in every state.
pub async fn letters_are_read_back_exactly(store: Arc<dyn Store>) {
    let (user, claim) = (distinct_user(), claim_id());
    let address = email("Grüße.用户@Bücher.Example");
    let mut all = vec![reset()];
    for (n, kind) in (1..).zip(LetterKind::ALL) {
        all.push(Letter {
            user_id: Some(user.id),
            action_token_id: Some(action_token(&user, Purpose::ResetPassword).id),
            verification_id: Some(pending_registration(address.as_str()).id),
            new_email: Some("Lee@example.org".to_owned()),
            logout: (*kind == LetterKind::BackchannelLogout)
                .then(|| (application("a name").uid, session_id())),
            locale: Locale::parse("pt-BR"),
            client: ClientInfo::new(Some("2001:db8::1".parse().unwrap()), Some("Ünïcode/1.0")),
            attempts: i16::MAX,
            next_attempt_at: now() + TICK * n,
            last_error: Some("452 4.2.2 Mailbox full".to_owned()),
            created_at: now() + TICK * (n + 100),
            expires_at: now() + TICK * (n + 200),
            ..fixtures::letter(*kind, &address)
        });
    }
    for (letter, state) in all.iter_mut().zip(LetterState::ALL) {
        letter.state = *state;
        letter.claim = (*state == LetterState::Sending).then_some(claim);
    }
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    for letter in &all {
        let found = letter_of(&*store, letter.id).await.unwrap();
        assert_eq!(found.recipient.as_str(), letter.recipient.as_str());
        assert_eq!(&found, letter);
    }
}

/// Pages MUST come newest first, by time and id, contain each letter of the state exactly once, and go on where they
/// ended.
pub async fn pages_contain_each_letter_once(store: Arc<dyn Store>) {
    let at = |n: i32| Letter {
        created_at: now() + TICK * (n / 3),
        state: if n % 4 == 0 { LetterState::Dead } else { LetterState::Pending },
        ..reset()
    };
    let mut all: Vec<Letter> = (0..14).map(at).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    all.sort_by_key(|letter| std::cmp::Reverse((letter.created_at, letter.id)));
    let mut newest = Vec::new();
    for state in [None, Some(LetterState::Dead), Some(LetterState::Pending), Some(LetterState::Delivered)] {
        let expected: Vec<&Letter> =
            all.iter().filter(|letter| state.is_none_or(|state| letter.state == state)).collect();
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let page = page(&*store, state, 3, after).await;
            assert!(page.items.len() == 3 || page.next.is_none(), "{state:?}");
            found.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
            // Newer letters do not disturb the order.
            let newer = Letter { created_at: now() + Duration::DAY, ..reset() };
            add(&*store, &[&newer]).await;
            newest.push(newer.id);
        }
        found.retain(|letter| !newest.contains(&letter.id));
        assert!(found.iter().eq(expected), "{state:?}");
    }
    // A cursor is a position and not a letter.
    let missing = Letter { created_at: now() + TICK, ..reset() };
    let older = all.iter().filter(|letter| (letter.created_at, letter.id) < (missing.created_at, missing.id));
    let page = page(&*store, None, 100, Some(AgeCursor::after_letter(&missing))).await;
    assert!(page.items.iter().eq(older));
}

/// `was_delivered` finds delivered letters by kind, address in any letters, and time.
pub async fn deliveries_are_found_by_recipient(store: Arc<dyn Store>) {
    let kind = LetterKind::AlreadyRegistered;
    let delivered =
        Letter { state: LetterState::Delivered, ..fixtures::letter(kind, &email("Ann@example.org")) };
    let pending = fixtures::letter(kind, &email("lee@example.org"));
    add(&*store, &[&delivered, &pending]).await;
    let was = async |kind, address: &str, since| {
        let mut view = store.read().await.unwrap();
        view.outbox().was_delivered(kind, &email(address), since).await.unwrap()
    };
    assert!(was(kind, "Ann@example.org", now() - TICK).await);
    assert!(was(kind, "aNN@Example.org", now() - TICK).await);
    assert!(!was(kind, "Ann@example.org", now()).await);
    assert!(!was(LetterKind::NewDevice, "Ann@example.org", now() - TICK).await);
    assert!(!was(kind, "lee@example.org", now() - TICK).await);
    assert!(!was(kind, "unknown@example.org", now() - TICK).await);
}

/// The figures count the letters that were not delivered by kind and state, and name the oldest one that waits.
pub async fn figures_count_letters(store: Arc<dyn Store>) {
    let figures = async || {
        let mut figures = store.read().await.unwrap().outbox().figures().await.unwrap();
        figures.letters.retain(|(.., count)| *count > 0);
        figures.letters.sort_by_key(|(kind, state, _)| (kind.as_str(), state.as_str()));
        figures
    };
    assert_eq!(figures().await, OutboxFigures::default());
    let at = |seconds, state| Letter { created_at: now() + Duration::seconds(seconds), state, ..reset() };
    add(
        &*store,
        &[
            &at(1, LetterState::Dead),
            &at(2, LetterState::Delivered),
            &Letter { claim: Some(claim_id()), ..at(3, LetterState::Sending) },
            &at(4, LetterState::Pending),
            &at(5, LetterState::Pending),
            &fixtures::letter(LetterKind::NewDevice, &fresh_email()),
        ],
    )
    .await;
    let reset = LetterKind::PasswordReset;
    let expected = OutboxFigures {
        oldest_waiting: Some(now()),
        letters: vec![
            (LetterKind::NewDevice, LetterState::Pending, 1),
            (reset, LetterState::Dead, 1),
            (reset, LetterState::Pending, 2),
            (reset, LetterState::Sending, 1),
        ],
    };
    assert_eq!(figures().await, expected);
}

/// `insert_once_since` adds a letter unless the user has one of its kind after the time, in any state.
pub async fn a_notice_is_inserted_once(store: Arc<dyn Store>) {
    let (user, other) = (user_id(), user_id());
    let notice = |user: UserId, kind, minutes| Letter {
        user_id: Some(user),
        created_at: now() + Duration::minutes(minutes),
        ..fixtures::letter(kind, &fresh_email())
    };
    let insert = async |letter: Letter| {
        let since = letter.created_at - Letter::NOTICE_INTERVAL;
        let done = in_unit!(store, |unit| unit.outbox().insert_once_since(&letter, since).await.unwrap());
        assert_eq!(letter_of(&*store, letter.id).await, done.then_some(letter));
        done
    };
    let (device, password) = (LetterKind::NewDevice, LetterKind::PasswordChanged);
    assert!(insert(Letter { state: LetterState::Delivered, ..notice(user, device, 0) }).await);
    assert!(!insert(notice(user, device, 0)).await);
    assert!(!insert(notice(user, device, 59)).await);
    assert!(insert(notice(user, password, 59)).await);
    assert!(insert(notice(other, device, 59)).await);
    assert!(insert(notice(user, device, 60)).await);
    assert!(!insert(notice(user, device, 119)).await);
}

/// A claim takes the letters that are due, oldest attempt first, and returns them as they are then.
pub async fn a_claim_takes_due_letters(store: Arc<dyn Store>) {
    let at = |seconds, state| Letter {
        next_attempt_at: now() + Duration::seconds(seconds),
        attempts: 2,
        state,
        ..reset()
    };
    let over = Letter { claim: Some(claim_id()), ..at(-2, LetterState::Sending) };
    let held = Letter { claim: Some(claim_id()), ..at(1, LetterState::Sending) };
    let (first, due, later) =
        (at(-3, LetterState::Pending), at(0, LetterState::Pending), at(1, LetterState::Pending));
    let (dead, delivered) = (at(-9, LetterState::Dead), at(-9, LetterState::Delivered));
    let all = [&due, &later, &over, &held, &first, &dead, &delivered];
    add(&*store, &all).await;
    let by = claim_id();
    let taken = |letter: &Letter, claim| Letter {
        state: LetterState::Sending,
        claim: Some(claim),
        attempts: 3,
        next_attempt_at: now() + Letter::LEASE,
        ..letter.clone()
    };
    let sorted = |mut letters: Vec<Letter>| {
        letters.sort_by_key(|letter| letter.id);
        letters
    };
    let found = claim(&*store, by, now(), 2).await;
    assert_eq!(sorted(found), sorted(vec![taken(&first, by), taken(&over, by)]));
    let next = claim_id();
    assert_eq!(claim(&*store, next, now(), 2).await, [taken(&due, next)]);
    assert_eq!(claim(&*store, claim_id(), now(), 2).await, []);
    for (letter, claim) in [(&first, by), (&over, by), (&due, next)] {
        assert_eq!(letter_of(&*store, letter.id).await, Some(taken(letter, claim)));
    }
    for untouched in [&later, &held, &dead, &delivered] {
        assert_eq!(letter_of(&*store, untouched.id).await.as_ref(), Some(untouched));
    }
    // All claims end with their lease.
    assert_eq!(claim(&*store, claim_id(), now() + Letter::LEASE, 9).await.len(), 5);
}

/// However many workers claim, each letter MUST go to exactly one of them.
pub async fn of_many_workers_one_has_each_letter(store: Arc<dyn Store>) {
    const LETTERS: usize = 200;
    let all: Vec<Letter> = (0..LETTERS).map(|_| reset()).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let work = |store: Arc<dyn Store>| async move {
        let mut taken: Vec<LetterId> = Vec::new();
        loop {
            let claimed = claim(&*store, claim_id(), now(), 7).await;
            if claimed.is_empty() {
                return taken;
            }
            taken.extend(claimed.iter().map(|letter| letter.id));
        }
    };
    let taken = together((0..8).map(|_| work(store.clone()))).await;
    let mut taken: Vec<LetterId> = taken.into_iter().flatten().collect();
    // Workers skip what others are claiming.
    taken.extend(work(store.clone()).await);
    assert_eq!(taken.len(), LETTERS);
    assert_eq!(taken.into_iter().collect::<HashSet<_>>().len(), LETTERS);
}

/// Only the claim that holds a letter prolongs itself.
pub async fn only_its_holder_prolongs_a_claim(store: Arc<dyn Store>) {
    let holder = claim_id();
    let (letter, waiting) = (claimed(holder), reset());
    let done = Letter { state: LetterState::Delivered, ..claimed(holder) };
    add(&*store, &[&letter, &waiting, &done]).await;
    let until = now() + Duration::HOUR;
    let prolong =
        async |id, claim| in_unit!(store, |unit| unit.outbox().prolong(id, claim, until).await.unwrap());
    for (id, claim) in
        [(letter.id, claim_id()), (waiting.id, holder), (done.id, holder), (reset().id, holder)]
    {
        assert!(!prolong(id, claim).await);
    }
    for untouched in [&letter, &waiting, &done] {
        assert_eq!(letter_of(&*store, untouched.id).await.as_ref(), Some(untouched));
    }
    assert!(prolong(letter.id, holder).await);
    let prolonged = Letter { next_attempt_at: until, ..letter };
    assert_eq!(letter_of(&*store, prolonged.id).await, Some(prolonged));
}

/// A worker changes a letter only while its claim holds it. The letter MUST have no claim after that, unless it is still
/// being sent.
pub async fn only_its_holder_updates_a_letter(store: Arc<dyn Store>) {
    let (holder, user) = (claim_id(), distinct_user());
    let letter = claimed(holder);
    add(&*store, &[&letter]).await;
    let update = async |letter: &Letter, claim| {
        in_unit!(store, |unit| unit.outbox().update(letter, claim).await.unwrap())
    };
    let decided = Letter {
        kind: LetterKind::AlreadyRegistered,
        recipient: email("Another@example.org"),
        user_id: Some(user.id),
        action_token_id: Some(ActionTokenId::from_uuid(user.id.as_uuid())),
        verification_id: Some(pending_registration("a@example.org").id),
        locale: Locale::parse("de"),
        expires_at: now() + Duration::HOUR,
        ..letter.clone()
    };
    assert!(!update(&decided, claim_id()).await);
    assert_eq!(letter_of(&*store, letter.id).await, Some(letter));
    assert!(update(&decided, holder).await);
    assert_eq!(letter_of(&*store, decided.id).await, Some(decided.clone()));
    let postponed = Letter {
        state: LetterState::Pending,
        next_attempt_at: now() + Duration::MINUTE,
        last_error: Some("421 4.3.2 Try later".to_owned()),
        ..decided
    };
    assert!(update(&postponed, holder).await);
    let postponed = Letter { claim: None, ..postponed };
    assert_eq!(letter_of(&*store, postponed.id).await, Some(postponed.clone()));
    assert!(!update(&postponed, holder).await);
    assert!(!update(&claimed(holder), holder).await);
}

/// A worker deletes a letter only while its claim holds it.
pub async fn only_its_holder_deletes_a_letter(store: Arc<dyn Store>) {
    let holder = claim_id();
    let (letter, waiting) = (claimed(holder), reset());
    let done = Letter { state: LetterState::Delivered, ..claimed(holder) };
    add(&*store, &[&letter, &waiting, &done]).await;
    let delete = async |id, claim| in_unit!(store, |unit| unit.outbox().delete(id, claim).await.unwrap());
    for (id, claim) in [(letter.id, claim_id()), (waiting.id, holder), (done.id, holder)] {
        assert!(!delete(id, claim).await);
        assert!(letter_of(&*store, id).await.is_some());
    }
    assert!(delete(letter.id, holder).await);
    assert!(!delete(letter.id, holder).await);
    assert_eq!(letter_of(&*store, letter.id).await, None);
}

/// `revive` makes a dead letter pending. It MUST change no other letter.
pub async fn only_dead_letters_are_revived(store: Arc<dyn Store>) {
    let of = |state| Letter {
        attempts: 9,
        last_error: Some("550 5.1.1 Unknown user".to_owned()),
        state,
        claim: (state == LetterState::Sending).then(claim_id),
        ..reset()
    };
    let (at, until) = (now() + Duration::HOUR, now() + Duration::DAY * 2);
    let revive = async |id| in_unit!(store, |unit| unit.outbox().revive(id, at, until).await.unwrap());
    for letter in LetterState::ALL.iter().map(|state| of(*state)) {
        add(&*store, &[&letter]).await;
        let is_dead = letter.state == LetterState::Dead;
        assert_eq!(revive(letter.id).await, is_dead, "{:?}", letter.state);
        let found = letter_of(&*store, letter.id).await.unwrap();
        if is_dead {
            assert_eq!((found.state, found.attempts), (LetterState::Pending, 0));
            assert_eq!((found.next_attempt_at, found.expires_at), (at, until));
            assert!(!revive(letter.id).await);
        } else {
            assert_eq!(found, letter);
        }
    }
    assert!(!revive(reset().id).await);
}

/// `mark_address` marks the user whose address it still is, in any letters, and changes nothing else.
pub async fn only_a_current_address_is_marked(store: Arc<dyn Store>) {
    let user = User { email_undeliverable_at: None, ..distinct_user() };
    let bystander = distinct_user();
    add_users(&*store, &[&user, &bystander]).await;
    let mark = async |address: &Email, at| {
        in_unit!(store, |unit| unit.outbox().mark_address(user.id, address, at).await.unwrap());
    };
    mark(&fresh_email(), Some(now())).await;
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    mark(&email(&user.email.as_str().to_uppercase()), Some(now())).await;
    let marked = User { email_undeliverable_at: Some(now()), ..user.clone() };
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &marked);
    mark(&fresh_email(), None).await;
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &marked);
    mark(&user.email, None).await;
    assert_same_user(&user_of(&*store, user.id).await.unwrap(), &user);
    assert_same_user(&user_of(&*store, bystander.id).await.unwrap(), &bystander);
}

/// Letters stay when their user is deleted, and can be claimed.
pub async fn letters_stay_after_a_deletion(store: Arc<dyn Store>) {
    let user = fixtures::user_fixture();
    add_users(&*store, &[&user]).await;
    let letter = Letter { user_id: Some(user.id), ..reset() };
    add(&*store, &[&letter]).await;
    assert!(in_unit!(store, |unit| unit.users().delete(user.id).await.unwrap()));
    assert_eq!(claim(&*store, claim_id(), now(), 9).await.len(), 1);
}

/// A letter is not visible before the commit, and never after a rollback.
pub async fn a_rollback_leaves_no_letter(store: Arc<dyn Store>) {
    let letter = reset();
    let mut unit = store.begin().await.unwrap();
    unit.outbox().insert(&letter).await.unwrap();
    assert_eq!(letter_of(&*store, letter.id).await, None);
    unit.rollback().await.unwrap();
    assert_eq!(letter_of(&*store, letter.id).await, None);
}

/// A sweep deletes delivered and dead letters from before a time, at most `limit` of them.
pub async fn a_sweep_deletes_old_letters(store: Arc<dyn Store>) {
    let at = |seconds, state| Letter { created_at: now() + Duration::seconds(seconds), state, ..reset() };
    let old = [at(0, LetterState::Dead), at(1, LetterState::Delivered), at(2, LetterState::Dead)];
    let kept = [
        at(3, LetterState::Delivered),
        at(4, LetterState::Dead),
        at(0, LetterState::Pending),
        Letter { claim: Some(claim_id()), ..at(0, LetterState::Sending) },
    ];
    add(&*store, &old.iter().chain(&kept).collect::<Vec<_>>()).await;
    let before = now() + Duration::seconds(3);
    assert_eq!(sweep(&*store, before, 2).await, 2);
    assert_eq!(letter_of(&*store, old[2].id).await.as_ref(), Some(&old[2]));
    assert_eq!(sweep(&*store, before, 2).await, 1);
    assert_eq!(sweep(&*store, before, 2).await, 0);
    for letter in &kept {
        assert_eq!(letter_of(&*store, letter.id).await.as_ref(), Some(letter));
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each letter.
pub async fn concurrent_sweeps_count_each_letter_once(store: Arc<dyn Store>) {
    for _ in 0..ROUNDS {
        let all: Vec<Letter> = (0..20).map(|_| Letter { state: LetterState::Delivered, ..reset() }).collect();
        add(&*store, &all.iter().collect::<Vec<_>>()).await;
        let before = now() + TICK;
        let swept = together((0..4).map(|_| {
            let store = store.clone();
            async move { sweep(&*store, before, 20).await }
        }));
        let swept: u64 = swept.await.into_iter().sum();
        assert_eq!(swept + sweep(&*store, before, 20).await, 20);
    }
}
