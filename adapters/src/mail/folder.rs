use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use inwren_domain::outbox::{MailError, Mailer, Message};

use super::message::{Sender, compose};

/// Writes each message to an `.eml` file in a folder.
#[derive(Clone, Debug)]
pub struct FolderMailer {
    /// The folder. It is created when the first message is sent.
    pub folder: PathBuf,
    /// The sender of all messages.
    pub sender: Sender,
    /// Whether the log shows the first link of each message. The link is a secret, so only a development service may
    /// log it.
    pub logs_links: bool,
}

#[async_trait]
impl Mailer for FolderMailer {
    async fn send(&self, message: &Message) -> Result<(), MailError> {
        let composed = compose(&self.sender, message)?;
        let path = self.folder.join(file_name(message));
        let written = path.clone();
        let writing = tokio::task::spawn_blocking(move || write(&path, &composed.bytes));
        let done = writing.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        done.map_err(|error| MailError::Temporary(format!("the file cannot be written: {error}")))?;
        if self.logs_links {
            let link = first_link(&message.text).unwrap_or_default();
            tracing::info!(file = %written.display(), link, "wrote a letter");
        }
        Ok(())
    }
}

/// `<time of the cause>-<id>.eml`: in the order of their causes, and the same in every attempt.
fn file_name(message: &Message) -> String {
    let date = message.date.to_offset(time::UtcOffset::UTC);
    let (day, time) = (date.date(), date.time());
    let id: String = message.id.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
    format!(
        "{:04}{:02}{:02}T{:02}{:02}{:02}Z-{id}.eml",
        day.year(),
        u8::from(day.month()),
        day.day(),
        time.hour(),
        time.minute(),
        time.second()
    )
}

/// Writes the file as a whole: a reader of the folder never finds half a message.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    if let Some(folder) = path.parent() {
        DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    }
    let unfinished = path.with_extension("tmp");
    let mut file =
        OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, path)
}

/// The first `http://` or `https://` link of a text.
fn first_link(text: &str) -> Option<&str> {
    text.split_whitespace().find(|word| word.starts_with("https://") || word.starts_with("http://"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use inwren_domain::kernel::Email;
    use time::OffsetDateTime;

    use super::*;

    fn message() -> Message {
        Message {
            id: "0198a5b2-0000-7000-8000-000000000001".to_owned(),
            to: Email::parse("ann@example.org").unwrap(),
            subject: "Reset your password".to_owned(),
            text: "Open this link:\n\nhttps://example.org/account/reset?t=abc\n".to_owned(),
            html: "<p>Open this link</p>".to_owned(),
            language: "en".to_owned(),
            date: OffsetDateTime::UNIX_EPOCH + time::Duration::days(20_000) + time::Duration::seconds(3_661),
        }
    }

    #[tokio::test]
    async fn a_message_becomes_one_private_file() {
        let folder = std::env::temp_dir().join(format!("inwren-mail-{}", std::process::id()));
        let sender = Sender::parse("noreply@localhost").unwrap();
        let mailer = FolderMailer { folder: folder.join("mail"), sender, logs_links: false };
        for _ in 0..2 {
            mailer.send(&message()).await.unwrap();
        }
        let files: Vec<_> = fs::read_dir(folder.join("mail")).unwrap().map(|entry| entry.unwrap()).collect();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].file_name(), "20241004T010101Z-0198a5b2-0000-7000-8000-000000000001.eml");
        assert_eq!(files[0].metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let text = fs::read_to_string(files[0].path()).unwrap();
        assert!(text.contains("Subject: Reset your password\r\n"), "{text}");
        fs::remove_dir_all(&folder).unwrap();
    }

    #[tokio::test]
    async fn an_unusable_folder_is_a_temporary_failure() {
        let file = std::env::temp_dir().join(format!("inwren-mail-file-{}", std::process::id()));
        fs::write(&file, "").unwrap();
        let sender = Sender::parse("noreply@localhost").unwrap();
        let mailer = FolderMailer { folder: file.join("mail"), sender, logs_links: false };
        let failed = mailer.send(&message()).await;
        assert!(matches!(failed, Err(MailError::Temporary(_))), "{failed:?}");
        fs::remove_file(&file).unwrap();
    }

    #[test]
    fn the_first_link_is_found() {
        assert_eq!(first_link(&message().text), Some("https://example.org/account/reset?t=abc"));
        assert_eq!(first_link("no link"), None);
    }
}
