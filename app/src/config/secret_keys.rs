//! Settings of the secret keys.

use std::path::PathBuf;

use super::factors;
use super::mail::has_mail;
use super::source::Source;

/// The file of the secret keys.
#[derive(Clone, Debug)]
pub struct SecretKeyFile {
    /// The path.
    pub path: PathBuf,
    /// Whether the service cannot start without it: in production, if mail is configured, or if accounts must have a
    /// second factor.
    pub is_required: bool,
}

pub(super) fn secret_keys(source: &mut Source, production: bool) -> Option<SecretKeyFile> {
    let is_required = production && (has_mail(source) || factors::are_required(source));
    let path = source.parse("SECRET_KEY_PATH", |text| Some(PathBuf::from(text)))?;
    Some(SecretKeyFile { path, is_required })
}
