//! What the build must and must not leave in the program.

use inwren_tests::process::binary;

fn holds(program: &[u8], text: &str) -> bool {
    program.windows(text.len()).any(|window| window == text.as_bytes())
}

/// The texts in the program that begin with `start`, cut after 200 bytes.
fn texts(program: &[u8], start: &str) -> Vec<String> {
    let begins = |at: &usize| program[*at..].starts_with(start.as_bytes());
    let text = |at: usize| String::from_utf8_lossy(&program[at..program.len().min(at + 200)]).into_owned();
    (0..program.len()).filter(begins).map(text).collect()
}

#[test]
fn the_program_names_no_folder_of_its_builder() {
    let program = std::fs::read(binary()).unwrap();
    let sources = env!("CARGO_MANIFEST_DIR").trim_end_matches("/tests");
    let home = std::env::var("HOME").unwrap();
    let folders = [std::env::var("CARGO_HOME").unwrap_or(format!("{home}/.cargo")), sources.to_owned()];
    for folder in folders {
        let mut named = texts(&program, &format!("{folder}/"));
        // The build script of AWS-LC maps its folder in an optimised build only.
        named.retain(|text| !text.contains("/aws-lc-sys-"));
        assert_eq!(named, [""; 0], "crates that were built without packaging/rustc need `cargo clean`");
    }
    // The search works: it finds the same messages with the neutral path.
    assert!(holds(&program, "/cargo/registry/src/"));
}

#[cfg(target_os = "linux")]
#[test]
fn the_parts_in_c_check_their_buffers() {
    let program = std::fs::read(binary()).unwrap();
    for function in ["__stack_chk_fail", "__memcpy_chk"] {
        assert!(holds(&program, function), "the program does not call {function}");
    }
}
