//! Measures signing and verifying tokens with either library: `cargo bench -p inwren-tests --bench tokens`.
#![allow(clippy::unwrap_used, reason = "a benchmark that fails may say so in any way")]

use criterion::{Criterion, Throughput};
use inwren_adapters::crypto::jwt::{AwsLcTokens, PortableTokens, TokenFormat};
use inwren_adapters::crypto::keys::KeyPair;
use inwren_domain::account::Tier;
use inwren_domain::authn::Assurance;
use inwren_domain::kernel::{SessionId, TokenId, UserId};
use inwren_domain::token::{AccessClaims, RefreshClaims, TokenIssuer, TokenVerifier};
use time::{Duration, OffsetDateTime};
use uuid::Uuid;

/// Allowed key sizes in bits; the first is the default.
const KEY_BITS: [usize; 3] = [2048, 3072, 4096];

trait Tokens: TokenIssuer + TokenVerifier {}
impl<T: TokenIssuer + TokenVerifier> Tokens for T {}

fn main() {
    let mut criterion = Criterion::default().configure_from_args();
    for bits in KEY_BITS {
        let key = KeyPair::generate(bits).unwrap();
        measure(&mut criterion, bits, "aws-lc", &AwsLcTokens::new(format(), &key).unwrap());
        measure(&mut criterion, bits, "portable", &PortableTokens::new(format(), &key).unwrap());
    }
    criterion.final_summary();
}

fn measure(criterion: &mut Criterion, bits: usize, adapter: &str, tokens: &dyn Tokens) {
    let (access, refresh) = (access(), refresh());
    let access_token = tokens.issue_access(&access).unwrap();
    let refresh_token = tokens.issue_refresh(&refresh).unwrap().token;
    let mut group = criterion.benchmark_group(format!("rsa{bits}/{adapter}"));
    group.throughput(Throughput::Elements(1));
    group.bench_function("sign_access", |bencher| bencher.iter(|| tokens.issue_access(&access)));
    group.bench_function("sign_refresh", |bencher| bencher.iter(|| tokens.issue_refresh(&refresh)));
    // The signature of a refresh token is verified each time, that of an access token only on its first use.
    group.bench_function("verify_refresh", |bencher| {
        bencher.iter(|| tokens.verify_refresh(refresh_token.expose(), refresh.issued_at).unwrap());
    });
    group.bench_function("verify_access_again", |bencher| {
        bencher.iter(|| tokens.verify_access(access_token.expose(), access.issued_at).unwrap());
    });
    group.finish();
}

fn format() -> TokenFormat {
    TokenFormat {
        issuer: "https://auth.example.org".to_owned(),
        audience: "inwren".to_owned(),
        leeway: Duration::seconds(10),
    }
}

fn access() -> AccessClaims {
    let issued_at = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
    AccessClaims {
        id: TokenId::from_stored("0123456789abcdef".repeat(4)),
        user_id: UserId::from_uuid(Uuid::from_u128(7)),
        session_id: SessionId::from_uuid(Uuid::from_u128(8)),
        issued_at,
        expires_at: issued_at + Duration::minutes(30),
        authenticated_at: issued_at,
        assurance: Assurance::PASSWORD,
        is_for_enrolment: false,
        email: "somebody@example.org".to_owned(),
        email_verified: true,
        tier: Tier::from_stored("free".to_owned()),
        is_superuser: false,
        application: None,
    }
}

fn refresh() -> RefreshClaims {
    let AccessClaims { user_id, session_id, issued_at, .. } = access();
    RefreshClaims {
        id: TokenId::from_stored(format!("1.{}", "0123456789abcdef".repeat(4))),
        user_id,
        session_id,
        client_id: None,
        issued_at,
        expires_at: issued_at + Duration::days(7),
    }
}
