use std::path::PathBuf;

use zeroize::Zeroizing;

use super::source::Source;

/// Reads a secret that is given as a value or in a file. The file may start with a byte order mark and end in a line
/// break. The outer `None` is an error, the inner `None` means that the secret is not set.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn secret_or_file(
    source: &mut Source,
    name: &'static str,
    file_name: &'static str,
) -> Option<Option<Zeroizing<String>>> {
    let inline = source.text(name).map(|text| Zeroizing::new(text.to_owned()));
    let file = source.text(file_name).map(PathBuf::from);
    match (inline, file) {
        (Some(_), Some(_)) => {
            source.refuse(file_name, &format!("must not be set together with {name}"));
            None
        }
        (Some(secret), None) => Some(Some(secret)),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Some(Some(bare(&text)))
            }
            Err(error) => {
                source.refuse(file_name, &format!("cannot be read: {}", error.kind()));
                None
            }
        },
        (None, None) => Some(None),
    }
}

/// Removes what editors and shells add to a secret: a byte order mark, and line breaks at the end.
pub fn bare(text: &str) -> Zeroizing<String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_order_mark_and_line_breaks_are_no_part_of_a_secret() {
        for text in ["a secret", "a secret\n", "a secret\r\n", "\u{feff}a secret", "\u{feff}a secret\r\n\n"] {
            assert_eq!(bare(text).as_str(), "a secret", "{text:?}");
        }
        assert_eq!(bare(" a secret ").as_str(), " a secret ");
    }
}
