//! Measures reading rows, from the query to the domain types: `cargo bench -p inwren-tests --bench rows`.
//!
//! SQLite answers without waiting, so the benchmark measures the driver, the mapping and the validation of the values.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so in any way")]

use criterion::{Criterion, Throughput};
use inwren_adapters::store::sql::{SqlOptions, SqlStore};
use inwren_domain::account::{Tier, User, UserFilter};
use inwren_domain::authn::{Acr, Assurance};
use inwren_domain::credential::{Account, PasswordHash};
use inwren_domain::kernel::{ClientInfo, Email, PageRequest, SessionId, TokenDigest, TokenId, UserId};
use inwren_domain::session::{Session, SessionKind};
use inwren_domain::store::Store;
use time::{Duration, OffsetDateTime};
use tokio::runtime::{Builder, Runtime};
use uuid::Uuid;

const USERS: u16 = 400;
const SESSIONS: u128 = 10;

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    let folder = std::env::temp_dir().join(format!("inwren-bench-{}", std::process::id()));
    let runtime = Builder::new_current_thread().enable_all().build().unwrap();
    let store = runtime.block_on(filled(&format!("sqlite://{}", folder.join("rows.db").display())));
    measure(&mut criterion, &runtime, &store);
    runtime.block_on(store.close());
    let _ = std::fs::remove_dir_all(&folder);
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, runtime: &Runtime, store: &SqlStore) {
    let mut group = criterion.benchmark_group("rows");
    group.throughput(Throughput::Elements(1));
    let email = user(1).email;
    group.bench_function("user", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { store.read().await?.users().by_email(&email).await }).unwrap().unwrap()
        });
    });
    let id = session(1, 0).id;
    group.bench_function("session_with_user", |bencher| {
        bencher.iter(|| {
            runtime.block_on(async { store.read().await?.sessions().with_user(id).await }).unwrap().unwrap()
        });
    });
    group.throughput(Throughput::Elements(SESSIONS as u64));
    let owner = user(1).id;
    group.bench_function("sessions_of_a_user", |bencher| {
        bencher.iter(|| {
            let page = PageRequest::new(PageRequest::MAX_LIMIT, None);
            let read = async { store.read().await?.sessions().live_of(owner, now(), page).await };
            assert_eq!(runtime.block_on(read).unwrap().items.len() as u128, SESSIONS);
        });
    });
    let limit = PageRequest::MAX_LIMIT;
    group.throughput(Throughput::Elements(limit.into()));
    group.bench_function("page_of_users", |bencher| {
        bencher.iter(|| {
            let page = PageRequest::new(limit, None);
            let read = async { store.read().await?.users().page(&UserFilter::default(), page).await };
            assert_eq!(runtime.block_on(read).unwrap().items.len(), usize::from(limit));
        });
    });
    group.finish();
}

async fn filled(url: &str) -> SqlStore {
    let store = inwren_tests::stores::open(url, &SqlOptions::default()).await;
    inwren_migration::migrate_up(store.writer()).await.unwrap();
    let mut unit = store.begin().await.unwrap();
    for number in 1..=USERS {
        unit.users().insert(&account(number)).await.unwrap();
    }
    for number in 0..SESSIONS {
        unit.sessions().insert(&session(1, number)).await.unwrap();
    }
    unit.commit().await.unwrap();
    store
}

fn now() -> OffsetDateTime {
    OffsetDateTime::UNIX_EPOCH + Duration::days(20_000)
}

fn user(number: u16) -> User {
    let created_at = now() + Duration::seconds(number.into());
    User {
        id: UserId::from_uuid(Uuid::from_u128(number.into())),
        email: Email::parse(&format!("somebody-{number}@example.org")).unwrap(),
        is_active: true,
        is_superuser: false,
        tier: Tier::from_stored("free".to_owned()),
        created_at,
        updated_at: created_at,
        email_verified_at: None,
        email_undeliverable_at: None,
        locale: None,
        credential_version: 0,
        sessions_epoch: 0,
        highest_acr: Acr::Aal1,
    }
}

fn account(number: u16) -> Account {
    let hash =
        format!("$argon2id$v=19$m=19456,t=2,p=1${number:022}$c29tZWhhc2hvZnRoaXJ0eXR3b2J5dGVzaW5sZW5ndGg");
    Account { user: user(number), password: Some(PasswordHash::from_phc(hash)) }
}

fn session(owner: u16, number: u128) -> Session {
    Session {
        id: SessionId::from_uuid(Uuid::from_u128(1_000_000 + number)),
        user_id: user(owner).id,
        kind: SessionKind::Api,
        generation: 1,
        rekeyed_generation: 0,
        refresh_jti: TokenId::from_stored(format!("1.{}", "0123456789abcdef".repeat(4))),
        hashed_refresh_token: TokenDigest::from_bytes([7; 32]),
        previous_hashed_refresh_token: Some(TokenDigest::from_bytes([6; 32])),
        rotated_at: now(),
        created_at: now(),
        authenticated_at: now(),
        assurance: Assurance::PASSWORD,
        is_for_enrolment: false,
        last_used_at: now(),
        expires_at: now() + Duration::DAY,
        max_expires_at: now() + Duration::WEEK,
        revoked: None,
        client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("Mozilla/5.0 (X11; Linux x86_64)")),
        last_client: ClientInfo::new(Some([192, 0, 2, 1].into()), Some("Mozilla/5.0 (X11; Linux x86_64)")),
        epoch: 0,
    }
}
