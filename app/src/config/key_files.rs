//! The names of the key files, which had other defaults in earlier releases.

use std::path::{Path, PathBuf};

/// The settings with today's default name of each file and the former one.
const NAMES: [(&str, &str, &str); 2] = [
    ("PRIVATE_KEY_PATH", "private.pem", "private_key.pem"),
    ("PUBLIC_KEY_PATH", "public.pem", "public_key.pem"),
];

/// The settings that make an installation go on with its keys: its files with the former names where there are none with
/// today's. `value` gives the value of a setting.
pub(super) fn former<'a>(value: impl Fn(&str) -> Option<&'a str>) -> Option<[(&'static str, String); 2]> {
    let mut found = false;
    let mut former = [("", String::new()), ("", String::new())];
    for (place, (setting, name, former_name)) in former.iter_mut().zip(NAMES) {
        let path = Path::new(value(setting)?.trim());
        let former_path = path.with_file_name(former_name);
        if path.file_name()? != name || path.exists() {
            return None;
        }
        found |= former_path.exists();
        *place = (setting, former_path.display().to_string());
    }
    found.then_some(former)
}

/// A private key with the former name beside the one with today's. Which of the two signs cannot be told, unless both are
/// the same.
pub(super) fn rival(private: &Path) -> Option<PathBuf> {
    let [(_, name, former_name), _] = NAMES;
    let rival = private.with_file_name(former_name);
    let differs = || std::fs::read(private).ok() != std::fs::read(&rival).ok();
    (private.file_name()? == name && private.exists() && rival.exists() && differs()).then_some(rival)
}
