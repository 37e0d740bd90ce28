//! Compares every locked crate with a dated snapshot of the RustSec advisories, so that the check needs no network.

use std::collections::BTreeSet;
use std::path::Path;

use semver::{Version, VersionReq};

struct Advisory<'a> {
    id: &'a str,
    package: &'a str,
    /// Versions that an advisory does not affect: patched, or older than the fault.
    safe: Vec<VersionReq>,
}

impl<'a> Advisory<'a> {
    fn parse(line: &'a str) -> Self {
        let columns: Vec<&str> = line.split('|').map(str::trim).collect();
        let [id, package, patched, unaffected, ..] = columns[..] else { panic!("{line}") };
        let requirements = patched.split(';').chain(unaffected.split(';')).map(str::trim);
        let safe =
            requirements.filter(|text| !text.is_empty()).map(|text| VersionReq::parse(text).expect(line));
        Self { id, package, safe: safe.collect() }
    }

    fn affects(&self, package: &str, version: &Version) -> bool {
        self.package == package && !self.safe.iter().any(|safe| safe.matches(version))
    }
}

/// The crates of a lock file, in the form that cargo writes.
fn locked(lock: &str) -> Vec<(&str, Version)> {
    let mut crates = Vec::new();
    let mut name = "";
    for line in lock.lines() {
        if let Some(rest) = line.strip_prefix("name = ") {
            name = rest.trim_matches('"');
        } else if let Some(rest) = line.strip_prefix("version = \"") {
            crates.push((name, Version::parse(rest.trim_matches('"')).expect(line)));
        }
    }
    crates
}

/// The advisories that affect a locked crate.
fn affecting<'a>(advisories: &'a str, lock: &str) -> BTreeSet<&'a str> {
    let crates = locked(lock);
    let advisories = advisories.lines().filter(|line| !line.starts_with('#')).map(Advisory::parse);
    advisories
        .filter(|advisory| crates.iter().any(|(name, version)| advisory.affects(name, version)))
        .map(|advisory| advisory.id)
        .collect()
}

#[test]
fn locked_crates_have_no_unexplained_advisory() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace");
    let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap();
    let (advisories, lock, explained) =
        (read("tests/data/advisories.txt"), read("Cargo.lock"), read("deny.toml"));
    let open: Vec<_> = affecting(&advisories, &lock).into_iter().collect();
    let unexplained: Vec<_> = open.iter().filter(|id| !explained.contains(*id)).collect();
    assert!(unexplained.is_empty(), "update these crates, or explain in deny.toml: {unexplained:?}");
    // Shows that the snapshot is read. This advisory is open; if it no longer applies, remove it from deny.toml and
    // here.
    assert!(open.contains(&"RUSTSEC-2023-0071"), "{open:?}");
}

#[test]
fn an_affected_version_is_found() {
    let advisories = "# head\nA-1 | one | >= 1.2.3; ^0.9.8 | < 0.5.0\nA-2 | two |  |  | unmaintained\n";
    let found = |version: &str| {
        let lock = format!("[[package]]\nname = \"one\"\nversion = \"{version}\"\n");
        !affecting(advisories, &lock).is_empty()
    };
    assert!(found("1.2.2") && found("0.9.7") && found("0.5.0"));
    assert!(!found("1.2.3") && !found("0.9.8") && !found("0.4.9"));
    assert_eq!(affecting(advisories, "name = \"two\"\nversion = \"7.0.0\"\n"), BTreeSet::from(["A-2"]));
}
