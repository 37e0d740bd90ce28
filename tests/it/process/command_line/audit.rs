//! The audit log on the command line.

use inwren_tests::process::{Call, Program};
use inwren_tests::stores::TempFolder;
use serde_json::Value;

use crate::process::support::client::{PASSWORD, Tokens, login, me, register};
use crate::process::support::database::Storage;

const ROOT: &str = "root@example.org";
const ANN: &str = "ann@example.org";

#[test]
fn the_command_lists_what_the_api_lists() {
    for storage in Storage::each() {
        let folder = TempFolder::new();
        let program = Program::new(folder.path()).env("DATABASE_URL", storage.url());
        let service = program.start();
        let audit = |arguments: &[&str], code: i32| {
            program.clone().args(["audit"].iter().chain(arguments).copied()).run().with_code(code)
        };
        let create = ["users", "create", ROOT, "--superuser", "--password-stdin"];
        program.clone().args(create).input(PASSWORD).run().with_code(0);
        service.call(&register(ANN, PASSWORD)).expect(201);
        let root = Tokens::of(&service.call(&login(ROOT, PASSWORD)).expect(200));
        let ann = Tokens::of(&service.call(&login(ANN, PASSWORD)).expect(200));
        let id = service.call(&me(&ann.access)).expect(200).text("id");

        for (arguments, query) in [
            (vec![], String::new()),
            (vec!["--subject", ANN], format!("subject={id}")),
            (vec!["--subject", &id, "--kind", "logged_in"], format!("subject=user:{id}&kind=logged_in")),
            (
                vec!["--limit", "1", "--since", "2020-01-01T00:00:00Z"],
                "limit=1&since=2020-01-01T00:00:00Z".to_owned(),
            ),
            (vec!["--until", "2020-01-01T00:00:00+01:00"], "until=2020-01-01T00:00:00%2B01:00".to_owned()),
        ] {
            let printed = audit(&[&arguments[..], &["--json"]].concat(), 0);
            let printed: Value = serde_json::from_str(&printed).expect("one JSON object");
            let path = format!("/admin/audit?{query}");
            assert_eq!(printed, service.call(&Call::get(&path).bearer(&root.access)).expect(200).json());
        }

        // Each page returns the cursor of the next one.
        let (mut lines, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let more = cursor.iter().flat_map(|cursor| ["--cursor", cursor]);
            let text = audit(&["--limit", "3"].into_iter().chain(more).collect::<Vec<_>>(), 0);
            assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
            assert!(text.starts_with("TIME "), "{text}");
            lines.extend(text.lines().skip(1).map(str::to_owned));
            let last = lines.pop_if(|line| line.starts_with("More: --cursor "));
            cursor = last.and_then(|line| line.strip_prefix("More: --cursor ").map(str::to_owned));
            if cursor.is_none() {
                break;
            }
        }
        let is_event = |line: &&String| line.starts_with("20");
        assert_eq!(lines.iter().filter(is_event).count(), 4, "{lines:?}");
        assert!(lines.iter().any(|line| line.trim() == "by operator"), "{lines:?}");

        let unknown = audit(&["--subject", "nobody@example.org"], 1);
        assert!(unknown.contains("no user has the address"), "{unknown}");
        service.stop();
    }
}

#[test]
fn invalid_arguments_are_wrong_usage() {
    let folder = TempFolder::new();
    for (arguments, part) in [
        (&["--subject", "ann"][..], "user:ID"),
        (&["--subject", "role:1"], "user:ID"),
        (&["--kind", "login"], "logged_in"),
        (&["--since", "yesterday"], "RFC 3339"),
        (&["--since", "2026-11-30T00:00:00Z", "--until", "2026-11-30T00:00:00Z"], "before --until"),
        (&["--limit", "0"], "1..=200"),
        (&["--cursor", "x"], "not a cursor"),
    ] {
        let program = Program::bare(folder.path()).args(["audit"].iter().chain(arguments).copied());
        let text = program.run().with_code(2);
        assert!(text.contains(part), "{arguments:?}: {text}");
    }
    let memory = Program::bare(folder.path()).env("DATABASE_URL", "memory:").args(["audit"]);
    memory.run().with_code(2);
}
