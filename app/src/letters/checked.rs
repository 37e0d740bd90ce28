use std::path::Path;

use super::samples;
use super::templates::TemplateError;
use super::writer::Writer;

/// Reads the templates and texts, those of the folder first, and renders every letter in every language with sample data.
/// So a broken template is found at startup, and not when a letter is due.
pub fn writer(public_url: &str, service: &str, folder: Option<&Path>) -> Result<Writer, TemplateError> {
    let writer = Writer::read(public_url, service, folder)?;
    samples::check(&writer)?;
    Ok(writer)
}
