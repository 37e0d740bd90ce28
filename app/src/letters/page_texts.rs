use std::path::Path;

use minijinja::Environment;

use super::catalog::Catalogs;
use super::templates::{TemplateError, environment};

/// The template and the texts of the pages to which letters link.
pub struct PageTexts {
    environment: Environment<'static>,
    catalogs: Catalogs,
}

impl PageTexts {
    /// Reads the template and the texts, those of the folder first.
    pub fn read(folder: Option<&Path>) -> Result<Self, TemplateError> {
        Ok(Self { environment: environment(folder), catalogs: Catalogs::read(folder)? })
    }

    /// The templates.
    pub(crate) fn environment(&self) -> &Environment<'static> {
        &self.environment
    }

    /// The texts.
    pub(crate) fn catalogs(&self) -> &Catalogs {
        &self.catalogs
    }
}
