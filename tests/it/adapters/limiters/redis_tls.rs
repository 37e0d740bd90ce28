//! Redis over TLS: the limiter connects only to a server with a valid certificate.

use std::path::Path;
use std::time::Duration;

use inwren_adapters::limiter::{RedisOptions, RedisRateLimiter, RedisTarget};
use inwren_domain::limiter::{Quota, RateLimiter};
use inwren_tests::limiters::{ask, heard, until};
use inwren_tests::process::PATIENCE;
use inwren_tests::process::redis::RedisServer;
use inwren_tests::stores::TempFolder;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

const SLOW: Quota = Quota { limit: 5, period: Duration::from_secs(3_600) };

/// A certificate authority, and a server certificate that it issued for this name.
struct Authority {
    pem: String,
    folder: TempFolder,
}

impl Authority {
    fn certifying(name: &str) -> Self {
        let folder = TempFolder::new();
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "an authority of the tests");
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = parameters.self_signed(&key).unwrap();
        let issuer = Issuer::new(parameters, key);
        let server_key = KeyPair::generate().unwrap();
        let server = CertificateParams::new(vec![name.to_owned()]).unwrap();
        let server = server.signed_by(&server_key, &issuer).unwrap();
        let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
        write("ca.pem", authority.pem());
        write("server.pem", server.pem());
        write("server.key", server_key.serialize_pem());
        Self { pem: authority.pem(), folder }
    }

    fn server(&self) -> RedisServer {
        let path = |name: &str| Path::new(self.folder.path()).join(name).to_str().unwrap().to_owned();
        let (certificate, key, authority) = (path("server.pem"), path("server.key"), path("ca.pem"));
        RedisServer::with(&[
            "--tls-port",
            "{port}",
            "--tls-auth-clients",
            "no",
            "--tls-cert-file",
            &certificate,
            "--tls-key-file",
            &key,
            "--tls-ca-cert-file",
            &authority,
        ])
    }
}

fn limiter(server: &RedisServer, authorities: Option<&str>) -> RedisRateLimiter {
    let target = RedisTarget::parse(&format!("rediss://127.0.0.1:{}", server.port())).unwrap();
    let target = match authorities {
        Some(pem) => target.trusting(pem.as_bytes()).unwrap(),
        None => target,
    };
    let options = RedisOptions { timeout: PATIENCE, ..RedisOptions::default() };
    RedisRateLimiter::start(target, options)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn instances_share_over_tls() {
    let authority = Authority::certifying("127.0.0.1");
    let server = authority.server();
    let both = [limiter(&server, Some(&authority.pem)), limiter(&server, Some(&authority.pem))];
    for limiter in &both {
        until("a connection", || !limiter.is_degraded()).await;
    }
    assert_eq!(heard(&both[0], "ann", SLOW, 3).await, 3);
    assert_eq!(heard(&both[1], "ann", SLOW, 9).await, 2);
    assert!(both.iter().all(|limiter| limiter.metrics().fallback_decisions == 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_else_is_spoken_to() {
    let (ours, others) = (Authority::certifying("127.0.0.1"), Authority::certifying("127.0.0.1"));
    let another_name = Authority::certifying("cache.example.org");
    let (server, misnamed) = (ours.server(), another_name.server());
    let refused = [
        ("an unknown authority", limiter(&server, None)),
        ("another authority", limiter(&server, Some(&others.pem))),
        ("another name", limiter(&misnamed, Some(&another_name.pem))),
    ];
    for (why, limiter) in refused {
        // The first call waits for the first connection attempt, which fails.
        assert_eq!(heard(&limiter, "ann", SLOW, 9).await, 5, "{why}");
        until("the first attempt fails", || limiter.metrics().degradations == 1).await;
        let metrics = limiter.metrics();
        assert_eq!(
            (metrics.fallback_decisions, metrics.degradations, metrics.degraded),
            (9, 1, true),
            "{why}"
        );
    }
    let plain = RedisTarget::parse(&format!("redis://127.0.0.1:{}", server.port())).unwrap();
    let plain = RedisRateLimiter::start(plain, RedisOptions::default());
    assert!(ask(&plain, "ann", SLOW).await.allowed && plain.is_degraded());
}
