//! Unusable certificates and keys: startup fails with the variable and the path, and without any content of the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use inwren_tests::process::Program;

use super::Served;
use crate::process::support::times::SLACK;

const CERTIFICATE: &str = "tls.crt";
const KEY: &str = "tls.key";

fn assert_refused(served: &Served, program: &Program, variable: &str, file: &str, problem: &str) {
    let finished = program.run();
    let took = finished.took;
    let text = finished.with_code(1);
    assert!(text.contains(&format!("{variable}: {file} ")) && text.contains(problem), "{text}");
    for line in served.certificate.key.lines().chain(served.certificate.chain.lines()) {
        assert!(line.len() < 4 || !text.contains(line), "{text}");
    }
    assert!(took < SLACK, "{took:?}");
}

#[test]
fn one_of_both_is_not_enough() {
    let served = Served::new();
    for (missing, told) in [("TLS_KEY_PATH", "TLS_CERT_PATH"), ("TLS_CERT_PATH", "TLS_KEY_PATH")] {
        let text = served.program.clone().env(missing, "").run().with_code(2);
        assert!(
            text.contains(&format!("{told} is ")) && text.contains(&format!("needs {missing}")),
            "{text}"
        );
    }
}

#[test]
fn a_certificate_that_is_none_is_refused() {
    let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let half = Served::new().certificate.chain[..200].to_owned();
    for (content, problem) in [
        ("", "has no certificate"),
        ("no certificate\n", "has no certificate"),
        (half.as_str(), "has no certificate"),
        (broken, "cannot be used"),
    ] {
        let served = Served::new();
        fs::write(served.folder.path().join(CERTIFICATE), content).unwrap();
        assert_refused(&served, &served.program, "TLS_CERT_PATH", CERTIFICATE, problem);
    }
    let served = Served::new();
    fs::remove_file(served.folder.path().join(CERTIFICATE)).unwrap();
    assert_refused(&served, &served.program, "TLS_CERT_PATH", CERTIFICATE, "does not exist");
}

#[test]
fn a_key_that_is_none_is_refused() {
    let chain = Served::new().certificate.chain;
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for (content, problem) in [
        ("", "has no private key"),
        (chain.as_str(), "has no private key"),
        (encrypted, "is encrypted"),
        (broken, "cannot be used"),
    ] {
        let served = Served::new();
        fs::write(served.folder.path().join(KEY), content).unwrap();
        assert_refused(&served, &served.program, "TLS_KEY_PATH", KEY, problem);
    }
    let served = Served::new();
    fs::remove_file(served.folder.path().join(KEY)).unwrap();
    assert_refused(&served, &served.program, "TLS_KEY_PATH", KEY, "does not exist");
}

#[test]
fn a_key_of_another_certificate_is_refused() {
    let served = Served::new();
    fs::write(served.folder.path().join(KEY), served.authority.issue().key).unwrap();
    assert_refused(&served, &served.program, "TLS_KEY_PATH", KEY, "does not belong to the certificate");
}

#[test]
fn a_key_that_others_may_read_is_refused_in_production_and_warned_of_before() {
    let served = Served::new();
    let key = served.folder.path().join(KEY);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    let log = served.program.start().stop();
    assert!(log.contains("WARN") && log.contains("the TLS key may be read by others"), "{log}");
    let production =
        served.program.clone().env("ENVIRONMENT", "production").env("DATABASE_URL", "sqlite://inwren.db");
    assert_refused(&served, &production, "TLS_KEY_PATH", KEY, "chmod 600");
    // The group may read the key: tools share a key with a service that way.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o640)).unwrap();
    let log = served.program.start().stop();
    assert!(!log.contains("may be read by others"), "{log}");
}

#[test]
fn a_key_that_others_may_replace_is_refused_in_production() {
    let served = Served::new();
    let key = served.folder.path().join(KEY);
    let production =
        served.program.clone().env("ENVIRONMENT", "production").env("DATABASE_URL", "sqlite://inwren.db");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o660)).unwrap();
    assert_refused(&served, &production, "TLS_KEY_PATH", KEY, "may be written by others");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    fs::set_permissions(served.folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert_refused(&served, &production, "TLS_KEY_PATH", KEY, "where all users may replace it");
}

#[test]
fn what_is_around_a_key_and_a_certificate_is_passed_over() {
    let served = Served::new();
    let (key, chain) = (&served.certificate.key, &served.certificate.chain);
    let write = |name: &str, content: String| fs::write(served.folder.path().join(name), content).unwrap();
    for (before, after) in [("\u{feff}", "\n\n"), ("subject=/CN=x\n", "and more\n")] {
        write(KEY, format!("{before}{}{after}", key.replace('\n', " \r\n")));
        write(CERTIFICATE, format!("{before}{}{after}", chain.replace('\n', " \r\n")));
        served.program.start().stop();
    }
    // Certificate and key in both files.
    for name in [KEY, CERTIFICATE] {
        write(name, format!("\u{feff}{chain}{key}"));
    }
    served.program.start().stop();
}

#[test]
fn every_usual_form_of_a_key_will_do() {
    let served = Served::new();
    let folder = served.folder.path();
    let openssl = |arguments: &str| {
        let made = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
        let made = made.expect("openssl, of the package openssl");
        assert!(made.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&made.stderr));
    };
    for (kind, make) in [
        ("RSA, PKCS#8", "genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out tls.key"),
        ("RSA, PKCS#1", "genrsa -traditional -out tls.key 2048"),
        ("P-256, SEC1", "ecparam -name prime256v1 -genkey -noout -out tls.key"),
        ("P-384, PKCS#8", "genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384 -out tls.key"),
        ("Ed25519, PKCS#8", "genpkey -algorithm ED25519 -out tls.key"),
    ] {
        openssl(make);
        openssl("req -x509 -key tls.key -out tls.crt -days 2 -subj /CN=auth.example.org");
        let log = served.program.start().stop();
        assert!(log.contains("is listening on https://"), "{kind}: {log}");
    }
}
