//! The tables of `docs/security.md` name tests and places in the code: checks that all of them exist, and that every
//! requirement has a valid row.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("a workspace").to_owned()
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn document() -> String {
    read("docs/security.md")
}

/// The texts between backticks.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether the text is the path of a test in the test binary, such as
/// `http::limits::of_thirty_logins_at_once_five_are_heard`.
fn is_test_path(text: &str) -> bool {
    let is_name = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    text.contains("::") && text.split("::").all(is_name)
}

/// Whether the text is a path of a file, with or without a name in it, such as
/// `domain/src/credential/password_policy.rs` or `app/src/runtime/server/mod.rs: MAX_HEADER_BYTES`.
fn is_file_path(text: &str) -> bool {
    let path = text.split(':').next().unwrap_or_default();
    let endings = [".rs", ".toml", ".md", ".json", ".txt", ".py", ".mjs", "/run"];
    path.contains('/')
        && !path.contains(' ')
        && !path.contains("//")
        && endings.iter().any(|end| path.ends_with(end))
}

/// Whether a source defines a function of this name, or lists it as a story of the HTTP tests.
fn has_function(source: &str, name: &str) -> bool {
    source.contains(&format!("fn {name}("))
        || source.lines().any(|line| line.split_whitespace().any(|word| word.trim_end_matches(',') == name))
}

/// The files of a module of the test binary or of the conformance suite.
fn sources_of(module: &[&str]) -> Vec<PathBuf> {
    let path = module.join("/");
    let folders = ["tests/it", "tests/src"];
    let names = [format!("{path}.rs"), format!("{path}/mod.rs")];
    let candidates =
        folders.iter().flat_map(|folder| names.iter().map(move |name| root().join(folder).join(name)));
    candidates.filter(|path| path.is_file()).collect()
}

#[test]
fn every_test_that_is_named_is_there() {
    let document = document();
    let named: BTreeSet<&str> = quoted(&document).filter(|text| is_test_path(text)).collect();
    for path in &named {
        let parts: Vec<&str> = path.split("::").collect();
        let (name, module) = parts.split_last().expect("a name");
        let sources = sources_of(module);
        assert!(!sources.is_empty(), "{path}: there is no module {}", module.join("::"));
        let there = sources
            .iter()
            .any(|source| has_function(&std::fs::read_to_string(source).expect("a source"), name));
        assert!(there, "{path}: there is no such test");
    }
    println!("{} tests are named", named.len());
    assert!(named.len() > 150, "{}", named.len());
}

#[test]
fn every_file_that_is_named_is_there_and_has_what_is_named_in_it() {
    let document = document();
    let named: BTreeSet<&str> =
        quoted(&document).filter(|text| is_file_path(text) && !text.starts_with('/')).collect();
    for text in &named {
        let (path, what) = text.split_once(": ").map_or((*text, None), |(path, what)| (path, Some(what)));
        let source = read(path);
        if let Some(what) = what {
            assert!(source.contains(what), "{path} has no {what}");
        }
    }
    println!("{} places are named", named.len());
    assert!(named.len() > 50, "{}", named.len());
}

#[test]
fn every_link_leads_somewhere() {
    let document = document();
    for link in document.split("](").skip(1).map(|rest| rest.split(')').next().unwrap_or_default()) {
        let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
        if path.starts_with("https://") {
            continue;
        }
        let target = if path.is_empty() { document.clone() } else { read(&format!("docs/{path}")) };
        let anchors = target.lines().filter(|line| line.starts_with('#')).map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            title.replace(' ', "-").replace(|c: char| !c.is_alphanumeric() && c != '-', "")
        });
        assert!(anchor.is_empty() || anchors.into_iter().any(|known| known == anchor), "{link}");
    }
}

/// The cells of the rows of all tables with this heading.
fn rows(document: &str, heading: &str) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut within = false;
    for line in document.lines() {
        let is_row = line.starts_with('|');
        if line.starts_with(heading) {
            within = true;
        } else if !is_row {
            within = false;
        } else if within && !line.starts_with("|---") {
            let cells = line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            rows.push(cells.collect());
        }
    }
    rows
}

/// Whether the text is a test (its path, or the name of a unit test in a file) or a whole file.
fn shows(text: &str) -> bool {
    match text.split_once(": ") {
        _ if is_test_path(text) => true,
        Some((path, name)) if is_file_path(text) => {
            let source = read(path);
            let definition = format!("fn {name}(");
            source.split("#[test]").skip(1).any(|test| test.trim_start().starts_with(&definition))
        }
        Some(_) => false,
        None => is_file_path(text),
    }
}

#[test]
fn every_requirement_has_a_row_with_an_answer() {
    let document = document();
    let rows = rows(&document, "| Id | L | What it asks | Holds | Shown by |");
    let mut seen: Vec<(u32, u32, u32)> = Vec::new();
    for row in &rows {
        let [id, level, asks, holds, shown] = row.as_slice() else { panic!("not five cells: {row:?}") };
        let numbers: Vec<u32> = id.split('.').map(|part| part.parse().expect("a number")).collect();
        let [chapter, section, number] = numbers.as_slice() else { panic!("{id}") };
        seen.push((*chapter, *section, *number));
        assert!(["1", "2", "3"].contains(&level.as_str()), "{row:?}");
        assert!(asks.len() > 10, "{row:?}");
        assert!(["yes", "partly", "no", "operator"].contains(&holds.as_str()), "{row:?}");
        // A "yes" needs a test, a file or a link; any other answer needs a reason. A word in a file is no evidence.
        let shows = quoted(shown).any(shows) || shown.contains("](");
        assert!(holds != "yes" || shows, "{row:?}");
        assert!(holds == "yes" || shown.split_whitespace().count() >= 4, "{row:?}");
    }
    assert!(seen.is_sorted(), "the rows are in order");
    let count = seen.len();
    seen.dedup();
    assert_eq!(seen.len(), count, "no requirement comes twice");
    let of = |answer: &str| rows.iter().filter(|row| row[3] == answer).count();
    println!(
        "{count} requirements: {} hold, {} partly, {} do not, {} are the operator's",
        of("yes"),
        of("partly"),
        of("no"),
        of("operator")
    );
    let stated = format!(
        "{count} requirements apply: {} hold, {} hold partly, {} do not hold, and {} are the operator's.",
        of("yes"),
        of("partly"),
        of("no"),
        of("operator")
    );
    assert!(document.contains(&stated), "the document should say: {stated}");
}

#[test]
fn every_vulnerability_has_a_row_with_a_test() {
    let document = document();
    let rows = rows(&document, "| What went wrong | Where | Shown by |");
    assert!(rows.len() > 40, "{}", rows.len());
    for row in &rows {
        let [what, place, shown] = row.as_slice() else { panic!("not three cells: {row:?}") };
        assert!(!what.is_empty() && !place.is_empty(), "{row:?}");
        let tested = quoted(shown).any(|text| is_test_path(text) || is_file_path(text));
        assert!(tested || shown.starts_with("Does not apply:"), "{row:?}");
    }
    println!("{} vulnerabilities of others", rows.len());
}
