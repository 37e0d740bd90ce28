//! `PendingRegistrationReader` and `PendingRegistrationRepository`.

use std::sync::Arc;

use inwren_domain::kernel::{ClientInfo, TokenDigest};
use inwren_domain::keyring::SecretKeyId;
use inwren_domain::pending_registration::{PendingRegistration, VerificationId};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};

use super::support::{ROUNDS, together};
use crate::fixtures::{email, fresh_email, now, pending_registration};

const TICK: Duration = Duration::MICROSECOND;

fn fresh() -> PendingRegistration {
    pending_registration(fresh_email().as_str())
}

async fn by_id(store: &dyn Store, id: VerificationId) -> Option<PendingRegistration> {
    store.read().await.unwrap().pending_registrations().by_id(id).await.unwrap()
}

async fn newest_of(store: &dyn Store, address: &str) -> Option<PendingRegistration> {
    store.read().await.unwrap().pending_registrations().newest_of(&email(address)).await.unwrap()
}

async fn add(store: &dyn Store, registrations: &[&PendingRegistration]) {
    in_unit!(store, |unit| for registration in registrations {
        unit.pending_registrations().insert(registration).await.unwrap();
    });
}

async fn count(store: &dyn Store, id: VerificationId, now: OffsetDateTime) -> Option<PendingRegistration> {
    in_unit!(store, |unit| unit.pending_registrations().count_attempt(id, now).await.unwrap())
}

async fn spend(store: &dyn Store, id: VerificationId, digest: TokenDigest, now: OffsetDateTime) -> bool {
    in_unit!(store, |unit| unit.pending_registrations().spend(id, &digest, now).await.unwrap())
}

async fn sweep(store: &dyn Store, before: OffsetDateTime, limit: u16) -> u64 {
    in_unit!(store, |unit| unit.pending_registrations().sweep(before, limit).await.unwrap())
}

/// Inserted registrations are read back unchanged.
pub async fn registrations_are_read_back_exactly(store: Arc<dyn Store>) {
    let distinct = PendingRegistration {
        code_round: i64::from(u32::MAX) + 1,
        attempts_left: 3,
        created_at: now() + TICK,
        ..pending_registration("Grüße.用户@Bücher.Example")
    };
    let (key_id, locale, client) = (SecretKeyId::new(0), None, ClientInfo::default());
    let bare = PendingRegistration { key_id, locale, client, ..fresh() };
    for registration in [&distinct, &bare] {
        assert_eq!(by_id(&*store, registration.id).await, None);
        add(&*store, &[registration]).await;
        let found = by_id(&*store, registration.id).await.unwrap();
        assert_eq!(found.email.as_str(), registration.email.as_str());
        assert_eq!(found.password.expose(), registration.password.expose());
        assert_eq!(&found, registration);
    }
    assert_eq!(newest_of(&*store, "grüsse.用户@bücher.example").await, None);
    assert_eq!(newest_of(&*store, "grüße.用户@bücher.example").await, Some(distinct));
}

/// A further registration of an address deletes its oldest one beyond the limit, and none of another address.
pub async fn an_address_keeps_its_newest_registrations(store: Arc<dyn Store>) {
    let other = fresh();
    add(&*store, &[&other]).await;
    let at = |n: i64| PendingRegistration {
        created_at: now() + Duration::seconds(n),
        ..pending_registration(if n % 2 == 0 { "Ann@example.org" } else { "aNN@Example.org" })
    };
    let all: Vec<PendingRegistration> = (1..=5).map(at).collect();
    for (place, registration) in all.iter().enumerate() {
        add(&*store, &[registration]).await;
        assert_eq!(newest_of(&*store, "ann@example.org").await.as_ref(), Some(registration));
        let first_kept = (place + 1).saturating_sub(PendingRegistration::PER_ADDRESS.into());
        for (n, earlier) in all[..=place].iter().enumerate() {
            assert_eq!(by_id(&*store, earlier.id).await.is_some(), n >= first_kept, "{n} after {place}");
        }
    }
    assert_eq!(by_id(&*store, other.id).await, Some(other));
}

/// `count_attempt` counts down and returns the registration. Without attempts it MUST change nothing.
pub async fn attempts_are_counted_down(store: Arc<dyn Store>) {
    let (registration, other) = (fresh(), fresh());
    add(&*store, &[&registration, &other]).await;
    for attempts_left in (0..PendingRegistration::ATTEMPTS).rev() {
        let expected = PendingRegistration { attempts_left, ..registration.clone() };
        assert_eq!(count(&*store, registration.id, now()).await.as_ref(), Some(&expected));
        assert_eq!(by_id(&*store, registration.id).await, Some(expected));
    }
    assert_eq!(count(&*store, registration.id, now()).await, None);
    assert_eq!(by_id(&*store, registration.id).await.unwrap().attempts_left, 0);
    assert_eq!(by_id(&*store, other.id).await, Some(other));
}

/// An attempt at an expired code, or of an expired or unknown registration, MUST change nothing.
pub async fn expired_codes_count_no_attempt(store: Arc<dyn Store>) {
    let code = fresh();
    let whole = PendingRegistration { expires_at: now() + Duration::MINUTE, ..fresh() };
    add(&*store, &[&code, &whole]).await;
    for (registration, end) in [(&code, code.code_expires_at), (&whole, whole.expires_at)] {
        assert_eq!(count(&*store, registration.id, end).await, None);
        assert_eq!(by_id(&*store, registration.id).await.as_ref(), Some(registration));
        assert!(count(&*store, registration.id, end - TICK).await.is_some());
    }
    assert_eq!(count(&*store, fresh().id, now()).await, None);
}

/// Of 1,000 concurrent attempts no more than the attempts that are left MUST succeed.
pub async fn of_many_attempts_only_five_count(store: Arc<dyn Store>) {
    let registration = fresh();
    add(&*store, &[&registration]).await;
    let counted = together((0..1_000).map(|_| {
        let (store, id) = (store.clone(), registration.id);
        async move { count(&*store, id, now()).await.map(|counted| counted.attempts_left) }
    }));
    let mut counted: Vec<i16> = counted.await.into_iter().flatten().collect();
    counted.sort_unstable();
    assert_eq!(counted, [0, 1, 2, 3, 4]);
}

/// `renew_code` replaces the code of the round before. From another round it MUST change nothing.
pub async fn a_code_is_renewed_from_its_round(store: Arc<dyn Store>) {
    let registration = PendingRegistration { code_round: 7, attempts_left: 0, ..fresh() };
    add(&*store, &[&registration]).await;
    let until = now() + Duration::HOUR;
    let renew = async |id, round| {
        in_unit!(store, |unit| {
            unit.pending_registrations().renew_code(id, round, 5, until).await.unwrap()
        })
    };
    for wrong in [6, 7, 9] {
        assert!(!renew(registration.id, wrong).await, "{wrong}");
    }
    assert!(!renew(fresh().id, 1).await);
    assert_eq!(by_id(&*store, registration.id).await, Some(registration.clone()));
    assert!(renew(registration.id, 8).await);
    assert!(!renew(registration.id, 8).await);
    let renewed =
        PendingRegistration { code_round: 8, attempts_left: 5, code_expires_at: until, ..registration };
    assert_eq!(by_id(&*store, renewed.id).await, Some(renewed));
}

/// `spend` takes a valid registration once. With another digest, or from its expiry on, it MUST change nothing.
pub async fn a_valid_registration_is_spent_once(store: Arc<dyn Store>) {
    let (registration, other) = (fresh(), fresh());
    add(&*store, &[&registration, &other]).await;
    let (id, digest, end) = (registration.id, registration.hashed_token, registration.expires_at);
    assert!(!spend(&*store, id, other.hashed_token, now()).await);
    assert!(!spend(&*store, fresh().id, digest, now()).await);
    assert!(!spend(&*store, id, digest, end).await);
    assert_eq!(by_id(&*store, id).await, Some(registration));
    assert!(spend(&*store, id, digest, end - TICK).await);
    assert!(!spend(&*store, id, digest, end - TICK).await);
    assert_eq!(by_id(&*store, id).await, None);
    assert_eq!(by_id(&*store, other.id).await, Some(other));
}

/// Of 1,000 concurrent calls that spend a registration exactly one MUST return `true`.
pub async fn of_many_spenders_exactly_one_wins(store: Arc<dyn Store>) {
    let registration = fresh();
    add(&*store, &[&registration]).await;
    let spent = together((0..1_000).map(|_| {
        let (store, id, digest) = (store.clone(), registration.id, registration.hashed_token);
        async move { spend(&*store, id, digest, now()).await }
    }));
    assert_eq!(spent.await.into_iter().filter(|spent| *spent).count(), 1);
}

/// `delete_all` deletes the registrations of an address, in any letters, and no other.
pub async fn all_of_an_address_are_deleted(store: Arc<dyn Store>) {
    let (ann, same) = (pending_registration("Ann@example.org"), pending_registration("aNN@Example.org"));
    let other = fresh();
    add(&*store, &[&ann, &same, &other]).await;
    let delete = async || {
        in_unit!(store, |unit| {
            unit.pending_registrations().delete_all(&email("ann@example.org")).await.unwrap()
        })
    };
    assert_eq!((delete().await, delete().await), (2, 0));
    assert_eq!(newest_of(&*store, "ann@example.org").await, None);
    assert_eq!(by_id(&*store, other.id).await, Some(other));
}

/// A registration that is added or spent in a unit without a commit stays as it was.
pub async fn a_rollback_keeps_the_registration(store: Arc<dyn Store>) {
    let registration = fresh();
    let mut unit = store.begin().await.unwrap();
    unit.pending_registrations().insert(&registration).await.unwrap();
    unit.rollback().await.unwrap();
    assert_eq!(by_id(&*store, registration.id).await, None);
    add(&*store, &[&registration]).await;
    let mut unit = store.begin().await.unwrap();
    let digest = registration.hashed_token;
    assert!(unit.pending_registrations().spend(registration.id, &digest, now()).await.unwrap());
    drop(unit);
    assert!(spend(&*store, registration.id, digest, now()).await);
}

/// A sweep deletes registrations that expired before a time, at most `limit` of them.
pub async fn a_sweep_deletes_expired_registrations(store: Arc<dyn Store>) {
    let expiring =
        |seconds| PendingRegistration { expires_at: now() + Duration::seconds(seconds), ..fresh() };
    let all: Vec<PendingRegistration> = (0..6).map(expiring).collect();
    add(&*store, &all.iter().collect::<Vec<_>>()).await;
    let before = all[4].expires_at;
    assert_eq!(sweep(&*store, before, 3).await, 3);
    assert_eq!(sweep(&*store, before, 3).await, 1);
    assert_eq!(sweep(&*store, before, 3).await, 0);
    for kept in &all[4..] {
        assert_eq!(by_id(&*store, kept.id).await.as_ref(), Some(kept));
    }
}

/// Of concurrent sweeps exactly one MUST delete and count each registration.
pub async fn concurrent_sweeps_count_each_registration_once(store: Arc<dyn Store>) {
    for _ in 0..ROUNDS {
        let all: Vec<PendingRegistration> = (0..20).map(|_| fresh()).collect();
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
