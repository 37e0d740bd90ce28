use std::collections::HashMap;

use inwren_app::config::read;

/// Each reference can repeat all values read before it, so a few lines could exhaust the memory.
const MAX_REFERENCES: usize = 10;

/// Parses any text as a `.env` file. Each value can be written in quotes and read again with the same result. Line
/// endings of all systems are equivalent. The parser looks up environment variables only for references.
pub(super) fn dotenv(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let references = text.matches("${").count();
    if references > MAX_REFERENCES {
        return;
    }
    let environment = |name: &str| {
        assert!(references > 0, "{name} was looked up without a reference");
        (name == "HOME").then(|| "/home/ann".to_owned())
    };
    let file = read(text, environment);

    let lines = text.split(['\n', '\r']).count();
    assert!(file.values.len() + file.malformed.len() <= lines, "{file:?}");
    assert!(file.malformed.iter().all(|number| (1..=lines).contains(number)), "{file:?}");
    assert!(file.malformed.is_sorted_by(|a, b| a < b), "{file:?}");
    let size: usize = file.values.values().flatten().map(String::len).sum();
    assert!(size <= 1024 * (text.len() + 10), "{size} bytes of {}", text.len());

    if !text.contains('\r') {
        for end in ["\r\n", "\r"] {
            assert_eq!(read(&text.replace('\n', end), environment), file, "lines that end in {end:?}");
        }
    }
    let values: HashMap<_, _> = file.values.into_iter().filter(|(_, value)| value.is_some()).collect();
    // The parser skips a byte order mark only at the start of a file.
    let mut written = "# written by a test\n".to_owned();
    for (name, value) in &values {
        written.extend([name, "=\"", &escaped(value.as_deref().unwrap_or_default()), "\"\n"]);
    }
    let again = read(&written, |name| panic!("{name} is no reference in {written:?}"));
    assert_eq!((again.values, again.malformed), (values, vec![]), "{written:?}");
}

/// The text escaped for double quotes.
fn escaped(text: &str) -> String {
    let escape = |c: char| match c {
        '\\' | '"' | '$' => format!("\\{c}"),
        '\n' => "\\n".to_owned(),
        '\r' => "\\r".to_owned(),
        _ => c.to_string(),
    };
    text.chars().map(escape).collect()
}
