//! Settings of mail: the server or the folder that letters go to, and their sender.

use std::path::PathBuf;

use inwren_adapters::mail::{Sender, SmtpTarget};

use super::secret::secret_or_file;
use super::source::Source;

/// Where letters go, and who sends them.
#[derive(Clone, Debug)]
pub struct MailSettings {
    /// Where they go.
    pub target: MailTarget,
    /// The sender of all letters.
    pub sender: Sender,
}

/// Where letters go.
#[derive(Clone, Debug)]
pub enum MailTarget {
    /// To a mail server.
    Smtp(SmtpTarget),
    /// Into a folder, as `.eml` files.
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Whether the log shows the links: in development only.
        logs_links: bool,
    },
}

/// The folder for letters of a development service.
const DEVELOPMENT_FOLDER: &str = "data/mail";
/// The address that sends letters of a development service.
const DEVELOPMENT_ADDRESS: &str = "noreply@localhost";

/// Reads the settings. The outer `None` is an error, the inner `None` means that no mail is configured.
#[allow(clippy::option_option, reason = "an error and an absence are two things here")]
pub(super) fn read(
    source: &mut Source,
    production: bool,
    project_name: Option<&str>,
) -> Option<Option<MailSettings>> {
    let url = secret_or_file(source, "SMTP_URL", "SMTP_URL_FILE");
    let sender = match source.text("MAIL_FROM").map(Sender::parse) {
        None => None,
        Some(Ok(sender)) => Some(sender),
        Some(Err(problem)) => {
            source.refuse("MAIL_FROM", &problem.to_string());
            return None;
        }
    };
    let folder = source.text("MAIL_DIR").map(|text| PathBuf::from(text.trim()));
    let target = match (url?, folder) {
        (Some(_), Some(_)) => {
            source.refuse("MAIL_DIR", "must not be set together with SMTP_URL");
            return None;
        }
        (Some(url), None) => match SmtpTarget::parse(url.trim()) {
            Ok(target) => MailTarget::Smtp(target),
            Err(problem) => {
                let has_url = source.text("SMTP_URL").is_some();
                source.refuse(if has_url { "SMTP_URL" } else { "SMTP_URL_FILE" }, &problem.to_string());
                return None;
            }
        },
        (None, Some(folder)) => MailTarget::Folder { folder, logs_links: !production },
        (None, None) if !production => {
            MailTarget::Folder { folder: PathBuf::from(DEVELOPMENT_FOLDER), logs_links: true }
        }
        (None, None) => return Some(None),
    };
    let needs_sender = production || matches!(target, MailTarget::Smtp(_));
    let sender = match sender {
        Some(sender) => sender,
        None if needs_sender => {
            source.refuse_unset("MAIL_FROM", "is not set: mail needs a sender, such as noreply@example.org");
            return None;
        }
        None => Sender::new(project_name, DEVELOPMENT_ADDRESS).ok()?,
    };
    Some(Some(MailSettings { target, sender }))
}

/// Whether letters can be sent: by default in development only.
pub(super) fn has_mail(source: &Source) -> bool {
    let is_development = source.text("ENVIRONMENT").is_some_and(|text| text.trim() == "development");
    is_development || ["SMTP_URL", "SMTP_URL_FILE", "MAIL_DIR"].iter().any(|name| source.text(name).is_some())
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use time::OffsetDateTime;

    use super::*;
    use crate::config::Config;

    fn with(variables: &[(&str, &str)]) -> Result<Option<MailSettings>, String> {
        let variable = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Config::read(&HashMap::new(), variable, None, OffsetDateTime::UNIX_EPOCH)
            .map(|config| config.mail)
            .map_err(|error| error.to_string())
    }

    const PRODUCTION: [(&str, &str); 3] = [
        ("ENVIRONMENT", "production"),
        ("PUBLIC_URL", "https://auth.example.org"),
        ("CORS_ALLOWED_ORIGINS", "none"),
    ];

    fn in_production(variables: &[(&str, &str)]) -> Result<Option<MailSettings>, String> {
        with(&[&PRODUCTION, variables].concat())
    }

    #[test]
    fn development_writes_to_a_folder() {
        let mail = with(&[]).unwrap().unwrap();
        assert_eq!(mail.sender.to_string(), "Inwren Auth <noreply@localhost>");
        let MailTarget::Folder { folder, logs_links } = mail.target else { panic!("no folder") };
        assert_eq!((folder, logs_links), (PathBuf::from("data/mail"), true));
    }

    #[test]
    fn production_has_no_mail_by_default() {
        assert!(in_production(&[]).unwrap().is_none());
        let folder = [("MAIL_DIR", "/srv/mail"), ("MAIL_FROM", "noreply@example.org")];
        let mail = in_production(&folder).unwrap().unwrap();
        assert!(matches!(mail.target, MailTarget::Folder { logs_links: false, .. }));
    }

    #[test]
    fn a_mail_server_needs_a_sender() {
        let server = ("SMTP_URL", "smtps://ann:s3cret@mail.example.org");
        let refused = with(&[server]).unwrap_err();
        assert!(refused.contains("MAIL_FROM") && !refused.contains("s3cret"), "{refused}");
        let mail = with(&[server, ("MAIL_FROM", "noreply@example.org")]).unwrap().unwrap();
        assert!(matches!(mail.target, MailTarget::Smtp(_)));
        assert!(!format!("{mail:?}").contains("s3cret"));
    }

    #[test]
    fn invalid_settings_are_named_without_secrets() {
        for (variables, name) in [
            ([("SMTP_URL", "smtp://ann:s3cret@mail.example.org"), ("MAIL_FROM", "a@b.co")], "SMTP_URL"),
            ([("SMTP_URL", "smtps://ann:s3cret/@mail.example.org"), ("MAIL_FROM", "a@b.co")], "SMTP_URL"),
            ([("SMTP_URL", "smtps://ann:s3cret@b.co"), ("MAIL_FROM", "nothing")], "MAIL_FROM"),
            ([("SMTP_URL", "smtps://ann:s3cret@b.co"), ("MAIL_DIR", "mail")], "MAIL_DIR"),
        ] {
            let refused = with(&variables).unwrap_err();
            assert!(refused.contains(name) && !refused.contains("s3cret"), "{refused}");
        }
    }
}
