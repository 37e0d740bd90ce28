//! Reads `.env` files by the rules of python-dotenv, so that the files of Python services work unchanged.

use std::collections::HashMap;

/// The path of the file, in the working folder.
pub(super) const FILE: &str = ".env";

/// The content of a `.env` file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DotEnv {
    /// The last value of each name. `None` if its quote is not closed.
    pub values: HashMap<String, Option<String>>,
    /// The numbers of malformed lines: neither blank, nor a comment, nor a name, nor a name with a value.
    pub malformed: Vec<usize>,
}

/// Reads a file. `${NAME}` expands to the value of an earlier line, or else of the environment. `${NAME:-DEFAULT}`
/// expands to the default if neither has a value.
///
/// The rules are those of python-dotenv. `export` may precede a name. A quoted value may span lines and contain
/// escapes. An unquoted value ends at the end of the line or at a `#` after a blank; quotes and blanks in it belong to
/// the value. Single quotes disable `${…}`, as in a shell.
pub fn read(text: &str, environment: impl Fn(&str) -> Option<String>) -> DotEnv {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let mut file = DotEnv::default();
    let mut rest = text.as_str();
    let mut number = 0;
    while !rest.is_empty() {
        number += 1;
        let (line, mut after) = split_line(rest);
        match Statement::read(line) {
            Statement::Nothing => {}
            Statement::Malformed => file.malformed.push(number),
            Statement::Assignment { name, value } => {
                let known = |name: &str| {
                    let earlier = file.values.get(name).cloned().flatten();
                    earlier.or_else(|| environment(name)).unwrap_or_default()
                };
                let value = match quoted(rest, line.len() - value.len(), &known) {
                    Quoted::Value(value, behind) => {
                        number += line_ends(rest) - line_ends(behind);
                        // Ignore the rest of the line after the closing quote.
                        after = split_line(behind).1;
                        Some(value)
                    }
                    Quoted::Endless => None,
                    Quoted::Not => Some(expanded(without_comment(value), &known)),
                };
                file.values.insert(name.to_owned(), value);
            }
        }
        rest = after;
    }
    file
}

fn split_line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

fn line_ends(text: &str) -> usize {
    text.matches('\n').count()
}

/// A line, or the first line of a statement.
enum Statement<'a> {
    Nothing,
    Malformed,
    /// The value is the whole rest of the line.
    Assignment {
        name: &'a str,
        value: &'a str,
    },
}

impl<'a> Statement<'a> {
    fn read(line: &'a str) -> Self {
        let line = line.trim_start();
        if line.is_empty() || line.starts_with('#') {
            return Self::Nothing;
        }
        let exported = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t']));
        let line = exported.map_or(line, str::trim_start);
        match line.split_once('=').map(|(name, value)| (name.trim_end(), value.trim_start())) {
            Some((name, value)) if is_name(name) => Self::Assignment { name, value },
            // A name without a value has no effect.
            None if is_name(without_comment(line)) => Self::Nothing,
            _ => Self::Malformed,
        }
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && !text.contains(|c: char| c.is_whitespace() || "#'\"=".contains(c))
}

fn without_comment(text: &str) -> &str {
    let comment = text.match_indices('#').map(|(at, _)| at).find(|at| {
        let before = text.get(..*at).unwrap_or_default();
        before.ends_with([' ', '\t'])
    });
    comment.and_then(|at| text.get(..at)).unwrap_or(text).trim_end()
}

/// The result of reading a quoted value.
enum Quoted<'a> {
    Not,
    Endless,
    /// The value, and the text after the closing quote.
    Value(String, &'a str),
}

/// Reads the quoted value at this position, if there is a quote.
fn quoted<'a>(text: &'a str, place: usize, known: &impl Fn(&str) -> String) -> Quoted<'a> {
    let mut rest = text.get(place..).unwrap_or_default().chars();
    let quote = match rest.next() {
        Some(quote @ ('\'' | '"')) => quote,
        _ => return Quoted::Not,
    };
    let mut value = String::new();
    loop {
        if quote == '"'
            && let Some((known, behind)) = reference(rest.as_str(), known)
        {
            value.push_str(&known);
            rest = behind.chars();
            continue;
        }
        match rest.next() {
            None => return Quoted::Endless,
            Some(c) if c == quote => return Quoted::Value(value, rest.as_str()),
            Some('\\') => match rest.next() {
                None => return Quoted::Endless,
                Some(escaped) => push_escaped(&mut value, quote, escaped),
            },
            Some(c) => value.push(c),
        }
    }
}

fn push_escaped(value: &mut String, quote: char, escaped: char) {
    match escaped {
        '\\' | '\'' => value.push(escaped),
        '"' | '$' if quote == '"' => value.push(escaped),
        'n' if quote == '"' => value.push('\n'),
        'r' if quote == '"' => value.push('\r'),
        't' if quote == '"' => value.push('\t'),
        _ => value.extend(['\\', escaped]),
    }
}

/// Expands the references in a text.
fn expanded(text: &str, known: &impl Fn(&str) -> String) -> String {
    let mut value = String::new();
    let mut rest = text.chars();
    loop {
        if let Some((known, behind)) = reference(rest.as_str(), known) {
            value.push_str(&known);
            rest = behind.chars();
        } else if let Some(c) = rest.next() {
            value.push(c);
        } else {
            return value;
        }
    }
}

/// The value of the `${NAME}` at the start of the text, and the text after it.
fn reference<'a>(text: &'a str, known: &impl Fn(&str) -> String) -> Option<(String, &'a str)> {
    let (inner, behind) = text.strip_prefix("${")?.split_once('}')?;
    let (name, default) = inner.split_once(":-").unwrap_or((inner, ""));
    if !is_name(name) {
        return None;
    }
    let value = known(name);
    Some((if value.is_empty() { default.to_owned() } else { value }, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<(String, Option<String>)> {
        let file = read(text, |name| (name == "HOME").then(|| "/home/ann".to_owned()));
        assert_eq!(file.malformed, [0; 0], "{text}");
        let mut values: Vec<_> = file.values.into_iter().collect();
        values.sort();
        values
    }

    fn value(text: &str) -> String {
        match values(text).as_slice() {
            [(_, Some(value))] => value.clone(),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn a_value_is_what_python_reads() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A = b ", "b"),
            ("  export A=b", "b"),
            ("export\tA=b", "b"),
            ("A=", ""),
            ("A=b c", "b c"),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=it's", "it's"),
            ("A=a=b==", "a=b=="),
            (r#"A=["http://a", "http://b"]"#, r#"["http://a", "http://b"]"#),
            (r"A=C:\new", r"C:\new"),
            ("A=p$ss", "p$ss"),
            ("A=${HOME}/x", "/home/ann/x"),
            ("A=${NONE}x${NONE:-y}${HOME:-z}", "xy/home/ann"),
            ("A=${", "${"),
            ("A=$HOME", "$HOME"),
            ("A='b c' # comment", "b c"),
            (r"A='${HOME}\n\'\\'", r"${HOME}\n'\"),
            (r#"A="b\nc\t\"\\\$\'\x""#, "b\nc\t\"\\$'\\x"),
            (r#"A="${HOME} \${HOME}""#, "/home/ann ${HOME}"),
            ("A=\"b\nc\"", "b\nc"),
            ("A=\"\"", ""),
            ("A=\u{e9}", "\u{e9}"),
            ("foo.bar-baz=1", "1"),
        ] {
            assert_eq!(value(line), expected, "{line}");
        }
    }

    #[test]
    fn lines_are_those_of_any_system() {
        let expected = [("A".to_owned(), Some("1".to_owned())), ("B".to_owned(), Some("2 x".to_owned()))];
        for text in [
            "A=1\nB=2 x\n",
            "A=1\r\nB=2 x\r\n",
            "A=1\rB=2 x",
            "\u{feff}A=1\nB=2 x",
            "# comment\n\n  # another\nA=0\nA=1\nB='2 x'\nC\nexport D\nD # nothing\n",
            "A=1\nB=\"2 ${C:-x}\"\n\n",
        ] {
            assert_eq!(values(text), expected, "{text}");
        }
    }

    #[test]
    fn earlier_lines_are_referred_to_and_later_ones_are_read_behind_several_lines() {
        let text = "USER=ann\nKEY='-----BEGIN\nEND-----'\nURL=postgres://${USER}:${USER}@h\nLAST=1\n";
        let file = read(text, |_| None);
        assert_eq!(file.values["URL"].as_deref(), Some("postgres://ann:ann@h"));
        assert_eq!(file.values["KEY"].as_deref(), Some("-----BEGIN\nEND-----"));
        assert_eq!(file.values["LAST"].as_deref(), Some("1"));
    }

    #[test]
    fn what_cannot_be_read_is_told_by_its_line() {
        let text = "this is no setting\nA='1\n2'\n=x\nB=\"no end\nC=1\nan apple = red\n";
        let file = read(text, |_| None);
        assert_eq!(file.malformed, [1, 4, 7]);
        assert_eq!(file.values["A"].as_deref(), Some("1\n2"));
        assert_eq!((&file.values["B"], file.values["C"].as_deref()), (&None, Some("1")));
    }
}
