//! Files whose content is a secret.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// The permissions of a file, if others than its owner and its group may do anything with it.
pub fn open_to_others(path: &Path) -> std::io::Result<Option<u32>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o007 != 0).then_some(mode))
}
