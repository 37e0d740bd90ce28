//! Letters: their links, and their texts in each language.
//!
//! Nothing here sees a request. A letter is written from its row in the outbox, the public URL and the name of the
//! service. So no header of a request can change a link.

mod catalog;
mod checked;
pub mod links;
mod page_texts;
mod recent;
pub mod samples;
mod templates;
mod writer;

use inwren_domain::outbox::LetterKind;

pub use catalog::{Catalog, Catalogs};
pub use checked::writer;
pub use page_texts::PageTexts;
pub use recent::{RecentLetters, record};
pub use templates::TemplateError;
pub use writer::Writer;
pub(crate) use writer::time_text;

/// The kinds of letters to people. A logout token goes to an application, and has no texts.
pub fn kinds() -> impl Iterator<Item = LetterKind> {
    LetterKind::ALL.iter().copied().filter(|kind| kind.is_letter())
}
