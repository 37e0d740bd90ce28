//! Allowed dependencies between crates and lifted bans, read from the manifests and the sources.

use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

/// The names in the dependency tables of a member's manifest, without those of its tests.
fn dependencies(member: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join(member).join("Cargo.toml")).expect("a manifest");
    let mut names = Vec::new();
    let mut section = "";
    for line in text.lines().map(str::trim) {
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']');
            assert!(!section.starts_with("dependencies."), "{member}: write dependencies in one line");
        } else if section.ends_with("dependencies") && section != "dev-dependencies" {
            let name = line.split(['=', '.', ' ']).next().unwrap_or_default();
            if !name.is_empty() && !name.starts_with('#') {
                names.push(name.to_owned());
            }
        }
    }
    assert!(!names.is_empty(), "{member} depends on nothing?");
    names
}

/// The Rust sources of a member.
fn sources(member: &str) -> Vec<(String, String)> {
    let mut folders = vec![root().join(member).join("src")];
    let mut found = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(root()).expect("within").to_string_lossy().replace('\\', "/");
                found.push((name, std::fs::read_to_string(&path).expect("a source")));
            }
        }
    }
    assert!(!found.is_empty(), "{member} has no sources?");
    found
}

#[test]
fn the_domain_is_pure() {
    // `idna` and `unicode-normalization` are Unicode tables: the rules for addresses and passwords belong to the
    // domain.
    let allowed = ["async-trait", "idna", "thiserror", "time", "unicode-normalization", "uuid", "zeroize"];
    assert_eq!(dependencies("domain"), allowed);
}

#[test]
fn the_arrows_point_inwards() {
    let ours = |member: &str| {
        let ours = dependencies(member).into_iter().filter(|name| name.starts_with("inwren"));
        ours.collect::<Vec<_>>()
    };
    assert_eq!(ours("domain"), [""; 0]);
    assert_eq!(ours("migration"), [""; 0]);
    assert_eq!(ours("adapters"), ["inwren-domain"]);
    assert_eq!(ours("app"), ["inwren-adapters", "inwren-domain", "inwren-migration"]);
}

#[test]
fn the_layers_know_only_their_own_tools() {
    let foreign = [
        ("adapters", &["poem", "poem-openapi", "clap", "sea-orm-migration", "opentelemetry-otlp"][..]),
        ("migration", &["sea-orm", "poem", "serde", "jwt-simple", "argon2"]),
        ("app", &["sea-orm", "sqlx", "redis", "jwt-simple", "argon2", "aws-lc-rs", "rsa", "imbl"]),
    ];
    for (member, names) in foreign {
        let known = dependencies(member);
        for name in names {
            assert!(!known.iter().any(|known| known == name), "{member} depends on {name}");
        }
    }
}

#[test]
fn bans_are_lifted_only_where_they_must_be() {
    let allowed = [
        "adapters/src/clock.rs",
        "adapters/src/crypto/keys.rs",
        "adapters/src/crypto/keys/encrypted.rs",
        "adapters/src/entropy.rs",
        "app/src/observability/logs/sink.rs",
    ];
    let mut lifted: Vec<String> = ["domain", "adapters", "app", "migration"]
        .into_iter()
        .flat_map(sources)
        .filter(|(_, text)| text.contains("clippy::disallowed"))
        .map(|(name, _)| name)
        .collect();
    lifted.sort_unstable();
    assert_eq!(lifted, allowed);
}

#[test]
fn one_file_knows_all_adapters() {
    let makers = [
        "SystemClock",
        "SystemEntropy",
        "MemoryStore::new",
        "Argon2Hasher::start",
        "AwsLcTokens::new",
        "MemoryRateLimiter",
        "RedisRateLimiter",
    ];
    for (name, text) in sources("app") {
        let own = text.split("#[cfg(test)]").next().unwrap_or_default();
        for maker in makers {
            let elsewhere = name != "app/src/wiring.rs" && own.contains(maker);
            // The command that prints the OpenAPI document needs a store without data.
            let printing = name == "app/src/cli/openapi.rs" && maker == "MemoryStore::new";
            assert!(!elsewhere || printing, "{name} makes a {maker}");
        }
    }
}

#[test]
fn only_the_command_line_acts_as_operator() {
    let acts = |(name, text): (String, String)| text.contains("Admin::operator").then_some(name);
    let names: Vec<String> = sources("app").into_iter().filter_map(acts).collect();
    assert!(!names.is_empty());
    for name in names {
        assert!(name.starts_with("app/src/cli/"), "{name} acts as the operator");
    }
}

#[test]
fn one_file_knows_the_database() {
    for (name, text) in sources("app").into_iter().filter(|(name, _)| !name.starts_with("app/src/wiring")) {
        let names = ["SqlStore", "inwren_migration", "inwren_adapters::store::sql", "sea_orm"];
        // The configuration holds the parsed URL, and names the crates whose log messages it filters.
        let known = if name.starts_with("app/src/config") { &names[..2] } else { &names[..] };
        for known in known {
            assert!(!text.contains(known), "{name} names {known}");
        }
    }
}

#[test]
fn the_service_starts_no_program() {
    for (name, text) in ["domain", "adapters", "app", "migration"].into_iter().flat_map(sources) {
        assert!(
            !text.contains("process::Command") && !text.contains("Command::new("),
            "{name} starts a program"
        );
    }
}

#[test]
fn unsafe_code_is_forbidden_everywhere() {
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("unsafe_code = \"forbid\""));
    for member in ["domain", "adapters", "app", "migration"] {
        let manifest = std::fs::read_to_string(root().join(member).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{member}");
    }
}
