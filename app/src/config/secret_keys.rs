//! Settings of the secret keys.

use std::path::PathBuf;

use super::source::Source;

/// The file of the secret keys.
#[derive(Clone, Debug)]
pub struct SecretKeyFile {
    /// The path.
    pub path: PathBuf,
    /// Whether the service cannot start without it: in production, if mail is configured.
    pub is_required: bool,
}

pub(super) fn secret_keys(source: &mut Source, production: bool) -> Option<SecretKeyFile> {
    let is_required = production && has_mail(source);
    let path = source.parse("SECRET_KEY_PATH", |text| Some(PathBuf::from(text)))?;
    Some(SecretKeyFile { path, is_required })
}

/// Whether letters can be sent: by default in development only.
pub(super) fn has_mail(source: &Source) -> bool {
    let is_development = source.text("ENVIRONMENT").is_some_and(|text| text.trim() == "development");
    is_development || ["SMTP_URL", "SMTP_URL_FILE", "MAIL_DIR"].iter().any(|name| source.text(name).is_some())
}
