//! Replacement of a certificate while the service runs.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use inwren_tests::certificates::{TlsClient, replace, shown};
use inwren_tests::process::{Call, PATIENCE, Service};

use super::Served;

const REFUSED: &str = "the changed TLS certificate is refused; the previous one stays in use";

/// Connects until the service presents this certificate, and returns how long that took.
#[track_caller]
fn wait_for(client: &TlsClient, service: &Service, certificate: &[u8]) -> Duration {
    let begun = Instant::now();
    while shown(&client.connect(service).expect("a handshake at any time")) != certificate {
        assert!(begun.elapsed() < PATIENCE, "the certificate was never shown:\n{}", service.log());
    }
    begun.elapsed()
}

#[test]
fn a_new_certificate_is_shown_and_no_request_is_lost() {
    const KEPT: usize = 3;
    let served = Served::new();
    let service = served.program.start();
    let client = served.authority.client();
    let (stop, kept, fresh) = (AtomicBool::new(false), AtomicUsize::new(0), AtomicUsize::new(0));
    let going = || !stop.load(Ordering::Relaxed);
    thread::scope(|scope| {
        for _ in 0..KEPT {
            // One connection for the whole test.
            scope.spawn(|| {
                let mut connection = client.connect(&service).expect("a handshake");
                let first = shown(&connection);
                while going() {
                    connection
                        .call(&Call::get("/health"))
                        .expect("an answer on the old connection")
                        .expect(200);
                    kept.fetch_add(1, Ordering::Relaxed);
                }
                assert_eq!(first, served.certificate.der);
            });
        }
        // A new connection for each request.
        scope.spawn(|| {
            while going() {
                let mut connection = client.connect(&service).expect("a handshake at any time");
                connection.call(&Call::get("/health")).expect("an answer").expect(200);
                fresh.fetch_add(1, Ordering::Relaxed);
            }
        });
        for n in 1..=3 {
            let next = served.authority.issue();
            next.write(served.folder.path());
            if n == 3 {
                service.signal("HUP");
            }
            println!("certificate {n} was shown after {:?}", wait_for(&client, &service, &next.der));
        }
        stop.store(true, Ordering::Relaxed);
    });
    let (kept, fresh) = (kept.into_inner(), fresh.into_inner());
    println!(
        "3 changes under load: {kept} requests on {KEPT} kept connections and {fresh} on new ones, 0 lost"
    );
    assert!(kept > 0 && fresh > 0);
    assert!(!service.stop().contains(REFUSED));
}

#[test]
fn a_broken_new_file_keeps_the_old_certificate_and_is_told_once() {
    let served = Served::new();
    let service = served.program.start();
    let client = served.authority.client();
    let (certificate, key) = (served.folder.path().join("tls.crt"), served.folder.path().join("tls.key"));
    let refused = |problem: &str| {
        service.wait_for(problem);
        let log = service.log();
        let told: Vec<&str> = log.lines().filter(|line| line.contains(REFUSED)).collect();
        assert!(told.last().is_some_and(|line| line.contains(problem)), "{log}");
        let mut connection = client.connect(&service).expect("a handshake");
        assert_eq!(shown(&connection), served.certificate.der);
        connection.call(&Call::get("/health")).expect("an answer").expect(200);
        told.len()
    };
    replace(&certificate, "not a certificate\n");
    assert_eq!(refused("TLS_CERT_PATH: tls.crt has no certificate"), 1);
    // The same error again logs nothing: the next error is the second line.
    replace(&certificate, "still not a certificate\n");
    replace(&key, "not a key\n");
    std::fs::write(&certificate, &served.certificate.chain).unwrap();
    assert_eq!(refused("TLS_KEY_PATH: tls.key has no private key"), 2);
    let other = served.authority.issue();
    replace(&key, &other.key);
    assert_eq!(refused("TLS_KEY_PATH: tls.key does not belong to the certificate"), 3);
    std::fs::remove_file(&key).unwrap();
    assert_eq!(refused("TLS_KEY_PATH: tls.key does not exist"), 4);
    // With a valid pair, the service switches.
    other.write(served.folder.path());
    wait_for(&client, &service, &other.der);
    let log = service.stop();
    assert_eq!(log.matches("loaded the TLS certificate").count(), 1, "{log}");
}
