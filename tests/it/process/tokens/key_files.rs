//! Unusable key files: startup fails with the variable and the path, and without any content of the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use inwren_adapters::crypto::keys::KeyPair;
use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;

use crate::process::support::client::login;
use crate::process::support::times::SLACK;

/// A key on the curve P-256, made for this test: PKCS#8 in base64.
const EC_KEY: &str = "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQglrfEubPbZSv2PVsP\
    wBIbgfoo2tjmHhou/gbrqHzcDuKhRANCAASPfJQbHY7oVfWM+4VHZ2cCe0L5dYMD\
    w5IddkQ+2j+EBKxQ6FaBAZIAf2gLtAnLPWG+8RLZ5Ch0+IIeuuykAAeM";

/// An RSA key with 1024 bits, in the same format.
const SHORT_KEY: &str = "MIICdwIBADANBgkqhkiG9w0BAQEFAASCAmEwggJdAgEAAoGBALpBmA2sue9ovbR6\
    bEDsWFw5j3etUDMMWDobHQ3zexr/pnjuUN67R4t35DeeR+SP+k6uZUPKU4tZ1UKE\
    iWiU+/LDPyLYJp5RvTtwnX/BLrUo6Bz+F/YB4gduFovUgOyRXwNJJwgPwq3XwK0g\
    uTOjQuzevg3S1Eo+imSAFJZPGkihAgMBAAECgYEAr9IFoDsB1h7QnVLHZ83zZzOq\
    27VONLIdgtRfa/EAr67Oze9hha/STLSjSWFvyjGjfqyfyQtwK+ZkKwOD1qZ04cjI\
    ZkYVjDI8qeQlK5aFqRzmoMhBB5yyCz3Cr8qcQkMUgApdalfY7S8okDF1sDAQ4k+g\
    eNunM3++fKvvydY7JjECQQD3CzUDGDYW1K580ljaVBATF9a3Ly8aP56Es7Xc/Rlx\
    KFiT/H5oBDFU8SXuB/QKE9CPb7B9u3QbcqndfWR93cVlAkEAwQI4/mAYV4pDx7Tj\
    8PVJft8LZKRTdn1FaYZmZl1XaMzIN3RmGq909W1dMEJ7lq4ib6VT4n5iJvDt1Vd/\
    p2FQjQJBAOMJ87BiYeNdlva0QmB0fUlu0TANNxbCfSasGml8WhN65t0qYemqYMQV\
    06wMtyVDzJrmJKeIzU4kdSRPhzl9xVkCQDi7roUXOhCBU+sgAOCTOUdRyMeMhfwO\
    VpjuKKtuRINJrpCeZmTxri92Ni45XJquFPE8Z6vr+m334/ESBzPsJwECQAEfJZle\
    WK4xs0QaBgRmvL3wyUrBt3/NxI5v9mjhdAWvqmnrj+vKxT8+SRhzYDNSeWPiW+4L\
    xs1R/5qCKjKbYm4=";

fn pem(base64: &str) -> String {
    let label = "PRIVATE KEY";
    let lines: Vec<_> = base64.as_bytes().chunks(64).map(String::from_utf8_lossy).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}

fn with_keys() -> TempFolder {
    let folder = TempFolder::new();
    Program::bare(folder.path()).args(["keys", "generate"]).run().with_code(0);
    folder
}

fn program(folder: &TempFolder) -> Program {
    Program::new(folder.path()).env("DATABASE_URL", "memory:")
}

/// Checks that startup names the variable and the path, and prints no line of the files.
fn assert_refused(folder: &TempFolder, variable: &str, path: &str) -> String {
    let finished = program(folder).run();
    let took = finished.took;
    let text = finished.with_code(1);
    assert!(text.contains(variable) && text.contains(path), "{text}");
    for file in ["certs/private.pem", "certs/public.pem"] {
        let content = fs::read(folder.path().join(file)).unwrap_or_default();
        for line in String::from_utf8_lossy(&content).lines().filter(|line| line.len() > 3) {
            assert!(!text.contains(line), "{text}");
        }
    }
    assert!(took < SLACK, "{took:?}");
    text
}

#[test]
fn a_private_key_that_is_none_is_refused() {
    let good = with_keys();
    let good = fs::read_to_string(good.path().join("certs/private.pem")).unwrap();
    let corrupt = good.replacen("MII", "NII", 1);
    let none = "is not an RSA private key";
    for (content, problem) in [
        ("", none),
        ("secret but not a key\n", none),
        (&corrupt, none),
        (&good[..good.len() / 2], none),
        (&pem(EC_KEY), none),
        (&pem(SHORT_KEY), "has 1024 bits"),
    ] {
        let folder = with_keys();
        fs::write(folder.path().join("certs/private.pem"), content).unwrap();
        let text = assert_refused(&folder, "PRIVATE_KEY_PATH", "certs/private.pem");
        assert!(text.contains(problem), "{text}");
    }
    let folder = with_keys();
    fs::write(folder.path().join("certs/private.pem"), [0xff, 0xfe, 0x00]).unwrap();
    assert_refused(&folder, "PRIVATE_KEY_PATH", "certs/private.pem");
}

#[test]
fn a_private_key_that_is_missing_beside_its_public_one_is_refused() {
    let folder = with_keys();
    fs::remove_file(folder.path().join("certs/private.pem")).unwrap();
    assert_refused(&folder, "PRIVATE_KEY_PATH", "certs/private.pem");
}

#[test]
fn a_public_key_that_does_not_belong_is_refused() {
    let (folder, other) = (with_keys(), with_keys());
    let public = "certs/public.pem";
    fs::copy(other.path().join(public), folder.path().join(public)).unwrap();
    assert_refused(&folder, "PUBLIC_KEY_PATH", public);
    fs::write(folder.path().join(public), "").unwrap();
    assert_refused(&folder, "PUBLIC_KEY_PATH", public);
}

#[test]
fn a_private_key_that_others_may_read_is_refused_in_production_and_warned_of_before() {
    let folder = with_keys();
    let path = folder.path().join("certs/private.pem");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let log = program(&folder).start().stop();
    assert!(log.contains("WARN") && log.contains("may be read by others"), "{log}");
    let production = Program::new(folder.path()).env("ENVIRONMENT", "production");
    let text = production.run().with_code(1);
    assert!(text.contains("PRIVATE_KEY_PATH") && text.contains("chmod 600"), "{text}");
}

#[test]
fn a_private_key_that_others_may_replace_is_refused_in_production_and_warned_of_before() {
    let folder = with_keys();
    let (keys, key) = (folder.path().join("certs"), folder.path().join("certs/private.pem"));
    let linked = folder.path().join("certs/link.pem");
    let set =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let production = Program::new(folder.path()).env("ENVIRONMENT", "production");
    let production = production.env("AUTO_MIGRATE", "true").env("DATABASE_URL", "sqlite://production.db");
    for (folder_mode, mode, problem) in [
        (0o755, 0o620, "may be written by others"),
        (0o755, 0o660, "may be written by others"),
        (0o755, 0o602, "may be written by others"),
        (0o777, 0o600, "where all users may replace it"),
        (0o703, 0o600, "where all users may replace it"),
    ] {
        set(&keys, folder_mode);
        set(&key, mode);
        let text = production.run().with_code(1);
        assert!(
            text.contains("PRIVATE_KEY_PATH") && text.contains(problem),
            "{folder_mode:o} {mode:o}: {text}"
        );
        let log = program(&folder).start().stop();
        assert!(log.contains("WARN") && log.contains(problem), "{log}");
    }
    // The group may read the key, and in a folder such as /tmp only its owner can replace it.
    for (folder_mode, mode) in [(0o755, 0o640), (0o750, 0o440), (0o1777, 0o600), (0o775, 0o400)] {
        set(&keys, folder_mode);
        set(&key, mode);
        let log = production.start().stop();
        assert!(!log.contains("the private key"), "{folder_mode:o} {mode:o}: {log}");
    }
    // If the path is a link, the folder of the target is checked, too.
    fs::create_dir(folder.path().join("open")).unwrap();
    fs::rename(&key, folder.path().join("open/key.pem")).unwrap();
    std::os::unix::fs::symlink(folder.path().join("open/key.pem"), &linked).unwrap();
    set(&keys, 0o700);
    let linking = production.env("PRIVATE_KEY_PATH", linked.display().to_string());
    linking.start().stop();
    set(&folder.path().join("open"), 0o777);
    let text = linking.run().with_code(1);
    assert!(text.contains("/open, where all users may replace it"), "{text}");
}

fn openssl(folder: &TempFolder, arguments: &[&str]) {
    let made = Command::new("openssl").args(arguments).current_dir(folder.path()).output();
    let made = made.expect("openssl, of the package openssl");
    assert!(made.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&made.stderr));
}

#[test]
fn a_key_that_openssl_reads_is_read() {
    let folder = with_keys();
    let (private, public) = (folder.path().join("certs/private.pem"), folder.path().join("certs/public.pem"));
    let kid = kid(&folder, "");
    openssl(&folder, &["req", "-x509", "-key", "certs/private.pem", "-subj", "/CN=x", "-out", "cert.pem"]);
    openssl(&folder, &["rsa", "-in", "certs/private.pem", "-traditional", "-out", "pkcs1.pem"]);
    let read = |name: &str| fs::read_to_string(folder.path().join(name)).unwrap();
    let (key, spki, pkcs1, certificate) = (
        fs::read_to_string(&private).unwrap(),
        fs::read_to_string(&public).unwrap(),
        read("pkcs1.pem"),
        read("cert.pem"),
    );
    let lines_of = |pem: &str, length: usize| {
        let mut lines: Vec<&str> = pem.lines().collect();
        let (first, last) = (lines.remove(0), lines.pop().unwrap());
        let body = lines.concat();
        let body: Vec<&str> =
            (0..body.len()).step_by(length).map(|at| &body[at..body.len().min(at + length)]).collect();
        format!("{first}\n{}\n{last}\n", body.join("\n"))
    };
    type Form<'a> = (&'a str, &'a dyn Fn(&str) -> String);
    let forms: &[Form<'_>] = &[
        ("a blank line at the end", &|pem| format!("{pem}\n\n")),
        ("blanks at the ends of lines", &|pem| pem.replace('\n', "  \t\n")),
        ("a byte order mark", &|pem| format!("\u{feff}{pem}")),
        ("the lines of Windows", &|pem| pem.replace('\n', "\r\n")),
        ("no end of the last line", &|pem| pem.trim_end().to_owned()),
        ("lines of 76", &|pem| lines_of(pem, 76)),
        ("lines of 48", &|pem| lines_of(pem, 48)),
        ("text around", &|pem| format!("Bag Attributes\n    friendlyName: x\n{pem}and more\n")),
        ("a certificate in front", &|pem| format!("{certificate}{pem}")),
        ("a certificate behind", &|pem| format!("{pem}{certificate}")),
    ];
    for (form, write) in forms {
        for (private_pem, public_pem) in [(&key, &spki), (&pkcs1, &spki)] {
            let (written, written_public) = (write(private_pem), write(public_pem));
            fs::write(&private, &written).unwrap();
            fs::write(&public, &written_public).unwrap();
            openssl(&folder, &["rsa", "-in", "certs/private.pem", "-noout"]);
            assert_eq!(self::kid(&folder, ""), kid, "{form}");
        }
    }
    // Text in another encoding.
    fs::write(&private, [&b"Schl\xfcssel\n"[..], key.as_bytes()].concat()).unwrap();
    assert_eq!(self::kid(&folder, ""), kid);
}

/// The id of the active key, as the program reads it.
#[track_caller]
fn kid(folder: &TempFolder, passphrase: &str) -> String {
    let program = Program::bare(folder.path()).env("PRIVATE_KEY_PASSPHRASE", passphrase);
    let text = program.args(["keys", "list", "--json"]).run().with_code(0);
    let keys: serde_json::Value = serde_json::from_str(&text).unwrap();
    keys["keys"][0]["kid"].as_str().unwrap().to_owned()
}

#[test]
fn a_cipher_that_is_not_supported_is_named() {
    let folder = with_keys();
    let key = folder.path().join("certs/private.pem");
    let plain = kid(&folder, "");
    fs::rename(&key, folder.path().join("plain.pem")).unwrap();
    let encrypt = |options: &[&str]| {
        let fixed = ["-in", "plain.pem", "-out", "certs/private.pem", "-passout", "pass:correct horse"];
        openssl(&folder, &[options, &fixed].concat());
    };
    let program = program(&folder).env("PRIVATE_KEY_PASSPHRASE", "correct horse");
    for (options, told) in [
        (&["pkcs8", "-topk8", "-v2", "des3"][..], "is encrypted with 3DES"),
        (&["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"], "is encrypted with 3DES"),
        (&["pkcs8", "-topk8", "-v2", "aes-256-cbc", "-v2prf", "hmacWithSHA1"], "PBKDF2 with SHA-1"),
        (&["rsa", "-traditional", "-aes256"], "encrypted in an old form"),
    ] {
        encrypt(options);
        let text = program.run().with_code(1);
        assert!(text.contains(told) && text.contains("openssl pkcs8 -topk8"), "{options:?}: {text}");
        assert!(!text.contains("cannot be decrypted"), "{text}");
    }
    for options in [
        &["pkcs8", "-topk8", "-v2", "aes-128-cbc"][..],
        &["pkcs8", "-topk8", "-v2", "aes-256-cbc"],
        &["pkcs8", "-topk8", "-scrypt"],
    ] {
        encrypt(options);
        assert_eq!(kid(&folder, "correct horse"), plain, "{options:?}");
    }
    // Another kind of key is not reported as a wrong passphrase.
    openssl(
        &folder,
        &["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", "plain.pem"],
    );
    encrypt(&["pkcs8", "-topk8", "-v2", "aes-256-cbc"]);
    let text = program.run().with_code(1);
    assert!(text.contains("is not an RSA private key"), "{text}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_a_secret() {
    let folder = TempFolder::new();
    let with = |name: &str, content: &str| {
        let file = folder.path().join(name);
        fs::write(&file, content).unwrap();
        file.display().to_string()
    };
    let marked = with("marked", "\u{feff}correct horse\r\n");
    let bare = with("bare", "correct horse");
    let generate = Program::bare(folder.path()).env("PRIVATE_KEY_PASSPHRASE_FILE", marked);
    generate.args(["keys", "generate"]).run().with_code(0);
    let list = Program::bare(folder.path()).env("PRIVATE_KEY_PASSPHRASE_FILE", bare);
    list.args(["keys", "list"]).run().with_code(0);

    let password = with("password", "\u{feff}a long pass phrase of the boss\n");
    let program = Program::new(folder.path()).env("PRIVATE_KEY_PASSPHRASE", "correct horse");
    let service = program
        .env("FIRST_SUPERUSER_EMAIL", "boss@example.org")
        .env("FIRST_SUPERUSER_PASSWORD_FILE", password)
        .start();
    service.call(&login("boss@example.org", "a long pass phrase of the boss")).expect(200);
    let create = Program::new(folder.path()).env("PRIVATE_KEY_PASSPHRASE", "correct horse");
    let create = create.args(["users", "create", "ann@example.org", "--password-stdin"]);
    create.input("\u{feff}a long pass phrase of ann\n").run().with_code(0);
    service.call(&login("ann@example.org", "a long pass phrase of ann")).expect(200);
    service.stop();
}

#[test]
fn keys_are_never_overwritten() {
    let folder = with_keys();
    let path = folder.path().join("certs/private.pem");
    let key = fs::read(&path).unwrap();
    let generate = Program::bare(folder.path()).args(["keys", "generate"]);
    let text = generate.run().with_code(1);
    assert!(text.contains("not overwritten") && text.contains("certs/p"), "{text}");
    let text = generate.clone().args(["--if-missing"]).run().with_code(0);
    assert!(text.contains("nothing to do"), "{text}");
    fs::remove_file(folder.path().join("certs/public.pem")).unwrap();
    generate.run().with_code(1);
    assert_eq!(fs::read(&path).unwrap(), key);
}

/// The ids of the public keys that a service in this folder publishes.
fn published(folder: &TempFolder) -> Vec<String> {
    let service = program(folder).start();
    let keys = service.call(&Call::get("/.well-known/jwks.json")).expect(200).json();
    let log = service.stop();
    assert!(!log.contains("created a signing key"), "{log}");
    let keys = keys["keys"].as_array().expect("keys").clone();
    keys.iter().map(|key| key["kid"].as_str().expect("a name").to_owned()).collect()
}

fn rename(folder: &TempFolder, names: [(&str, &str); 2]) {
    for (from, to) in names {
        fs::rename(folder.path().join("certs").join(from), folder.path().join("certs").join(to)).unwrap();
    }
}

const FORMER: [(&str, &str); 2] = [("private.pem", "private_key.pem"), ("public.pem", "public_key.pem")];

#[test]
fn the_key_files_of_the_original_sign_without_a_setting() {
    let folder = TempFolder::new();
    let pair = KeyPair::generate(2048).unwrap();
    fs::create_dir(folder.path().join("certs")).unwrap();
    fs::write(folder.path().join("certs/private.pem"), pair.to_pem().unwrap().as_bytes()).unwrap();
    fs::write(folder.path().join("certs/public.pem"), pair.public().to_pem().unwrap()).unwrap();
    assert_eq!(published(&folder), [pair.public().id()]);
    let files = fs::read_dir(folder.path().join("certs")).unwrap();
    let mut names: Vec<_> = files.map(|file| file.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["private.pem", "public.pem", "secret.keys"]);
}

#[test]
fn key_files_with_the_former_default_names_go_on_signing() {
    let folder = with_keys();
    let before = published(&folder);
    rename(&folder, FORMER);
    assert_eq!(published(&folder), before);
    // The settings of a package or an image name only the folder.
    let elsewhere = program(&folder)
        .env("PRIVATE_KEY_PATH", folder.path().join("certs/private.pem").display().to_string())
        .env("PUBLIC_KEY_PATH", folder.path().join("certs/public.pem").display().to_string());
    let text = elsewhere.args(["keys", "generate", "--if-missing"]).run().with_code(0);
    assert!(text.contains("nothing to do"), "{text}");
    Program::bare(folder.path()).args(["keys", "rotate"]).run().with_code(0);
    let rotated = published(&folder);
    assert!(rotated.len() == 2 && rotated.contains(&before[0]), "{rotated:?}");
    assert!(!folder.path().join("certs/private.pem").exists());
    // An incomplete pair does not make the service create another pair.
    let half = with_keys();
    rename(&half, FORMER);
    fs::remove_file(half.path().join("certs/private_key.pem")).unwrap();
    program(&half).run().with_code(1);
}

#[test]
fn two_pairs_under_both_default_names_are_refused() {
    let (folder, other) = (with_keys(), with_keys());
    let key = folder.path().join("certs/private.pem");
    let former = folder.path().join("certs/private_key.pem");
    fs::copy(&key, &former).unwrap();
    let one = published(&folder);
    fs::copy(other.path().join("certs/private.pem"), &former).unwrap();
    let text = program(&folder).run().with_code(1);
    assert!(text.contains("certs/private.pem") && text.contains("certs/private_key.pem"), "{text}");
    let decided = program(&folder).env("PRIVATE_KEY_PATH", "certs/private.pem");
    let listed = decided.args(["keys", "list"]).run().with_code(0);
    assert!(listed.contains(&one[0]), "{listed}");
}
