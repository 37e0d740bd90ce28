//! Mailers: SMTP, a folder of `.eml` files, or memory.

mod folder;
mod memory;
mod message;
mod smtp;

pub use folder::FolderMailer;
pub use memory::MemoryMailer;
pub use message::{InvalidSender, Sender};
pub use smtp::{SmtpMailer, SmtpTarget, SmtpTargetError};
