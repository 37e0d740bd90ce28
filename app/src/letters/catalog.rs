//! Texts by language.

use std::collections::BTreeMap;
use std::path::Path;

use inwren_domain::kernel::Locale;

use super::templates::TemplateError;

/// The languages of the program, with their texts. The first one is the fallback, and its keys are those of all.
const BUILT_IN: [(&str, &str); 2] =
    [("en", include_str!("texts/en.json")), ("de", include_str!("texts/de.json"))];

/// The texts of one language.
#[derive(Clone, Debug)]
pub struct Catalog {
    language: String,
    texts: BTreeMap<String, String>,
}

impl Catalog {
    /// The language: a tag of RFC 5646, in lower case.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Returns the text of a key, with the values in the place of their names in braces. `None` if there is none.
    pub fn text(&self, key: &str, values: &[(&str, &str)]) -> Option<String> {
        let text = self.texts.get(key)?;
        Some(filled(text, values))
    }
}

/// Replaces names in braces by values. It goes through the text once, so a value that contains braces stays as it is.
fn filled(text: &str, values: &[(&str, &str)]) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('{') {
        filled.push_str(before);
        let found = after.split_once('}').and_then(|(name, after)| {
            let value = values.iter().find(|(known, _)| *known == name)?;
            Some((value.1, after))
        });
        match found {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push('{');
                rest = after;
            }
        }
    }
    filled.push_str(rest);
    filled
}

/// The texts of all languages.
#[derive(Clone, Debug)]
pub struct Catalogs(Vec<Catalog>);

impl Catalogs {
    /// Reads the languages of the program, and those of the folder: `<language>.json`. A file of the folder replaces
    /// single texts, or adds a language. Texts that a language lacks come from English.
    pub fn read(folder: Option<&Path>) -> Result<Self, TemplateError> {
        let mut catalogs = Vec::new();
        for (language, json) in BUILT_IN {
            let texts = parse(language, json)?;
            catalogs.push(Catalog { language: language.to_owned(), texts });
        }
        for (language, json) in folder.map(files).transpose()?.into_iter().flatten() {
            let own = parse(&format!("{language}.json"), &json)?;
            let known = catalogs.first().map(|english| english.texts.clone()).unwrap_or_default();
            if let Some(unknown) = own.keys().find(|key| !known.contains_key(*key)) {
                return Err(TemplateError::new(
                    &format!("{language}.json"),
                    format!("`{unknown}` is the key of no text"),
                ));
            }
            match catalogs.iter_mut().find(|catalog| catalog.language == language) {
                Some(catalog) => catalog.texts.extend(own),
                None => {
                    let mut texts = known;
                    texts.extend(own);
                    catalogs.push(Catalog { language, texts });
                }
            }
        }
        Ok(Self(catalogs))
    }

    /// Returns the catalog of the tag, else that of its language, else English.
    pub fn of(&self, locale: Option<&Locale>) -> Option<&Catalog> {
        let by_language = |language: &str| self.0.iter().find(|catalog| catalog.language == language);
        locale
            .and_then(|locale| {
                by_language(&locale.as_str().to_ascii_lowercase()).or_else(|| by_language(&locale.language()))
            })
            .or_else(|| self.0.first())
    }

    /// All of them, English first.
    pub fn all(&self) -> &[Catalog] {
        &self.0
    }
}

fn parse(name: &str, json: &str) -> Result<BTreeMap<String, String>, TemplateError> {
    serde_json::from_str(json).map_err(|error| TemplateError::new(name, error))
}

/// Returns the languages and contents of the catalogs in a folder.
fn files(folder: &Path) -> Result<Vec<(String, String)>, TemplateError> {
    let name = folder.display().to_string();
    let entries = std::fs::read_dir(folder).map_err(|error| TemplateError::new(&name, error))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(|error| TemplateError::new(&name, error))?.path();
        let language = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        if path.extension().is_none_or(|extension| extension != "json") {
            continue;
        }
        let language = Locale::parse(language).ok_or_else(|| {
            TemplateError::new(&path.display().to_string(), "is not named after a language")
        })?;
        let json = std::fs::read_to_string(&path)
            .map_err(|error| TemplateError::new(&path.display().to_string(), error))?;
        files.push((language.as_str().to_ascii_lowercase(), json));
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn languages_have_the_same_keys_and_names() {
        let catalogs = Catalogs::read(None).unwrap();
        let names = |text: &str| {
            let mut names: Vec<String> =
                text.split('{').skip(1).filter_map(|part| Some(part.split_once('}')?.0.to_owned())).collect();
            names.sort();
            names.dedup();
            names
        };
        let [english, others @ ..] = catalogs.all() else { panic!("no catalog") };
        for catalog in others {
            assert!(english.texts.keys().eq(catalog.texts.keys()), "{}", catalog.language);
            for (key, text) in &catalog.texts {
                assert_eq!(names(text), names(&english.texts[key]), "{} {key}", catalog.language);
            }
        }
    }

    #[test]
    fn values_are_not_filled_again() {
        assert_eq!(filled("{a} {b} {c} {", &[("a", "{b}"), ("b", "2")]), "{b} 2 {c} {");
    }

    #[test]
    fn the_language_of_the_reader_is_found() {
        let catalogs = Catalogs::read(None).unwrap();
        let language = |tag: &str| catalogs.of(Locale::parse(tag).as_ref()).unwrap().language().to_owned();
        assert_eq!(language("de-AT"), "de");
        assert_eq!(language("EN"), "en");
        assert_eq!(language("fr"), "en");
        assert_eq!(catalogs.of(None).unwrap().language(), "en");
    }
}
