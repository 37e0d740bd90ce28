use std::path::PathBuf;

use zeroize::Zeroizing;

use super::source::Source;

/// A secret that is given as a value or in a file, which may end in a line break. The outer `None` is an error, the
/// inner one is none.
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
            source.refuse(file_name, &format!("must not be set beside {name}"));
            None
        }
        (Some(secret), None) => Some(Some(secret)),
        (None, Some(path)) => match std::fs::read_to_string(&path) {
            Ok(text) => {
                let text = Zeroizing::new(text);
                Some(Some(Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())))
            }
            Err(error) => {
                source.refuse(file_name, &format!("cannot be read: {}", error.kind()));
                None
            }
        },
        (None, None) => Some(None),
    }
}
