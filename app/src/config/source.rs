use std::collections::HashMap;
use std::path::Path;

use super::error::{ConfigError, Invalid};
use super::sensitive::{is_key_material, looks_secret};
use super::setting::{SETTINGS, Setting, find};
use super::{default_urls, dotenv, keys};

/// Where the value of a setting comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A flag of the command line.
    Flag,
    /// A variable of the environment.
    Environment,
    /// A line of the `.env` file.
    DotEnv,
    /// The default value, because no value was given.
    Default,
}

impl std::fmt::Display for Origin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Flag => "flag",
            Self::Environment => "environment",
            Self::DotEnv => ".env",
            Self::Default => "default",
        })
    }
}

/// The raw values of all settings, and the errors found while reading them. All errors are reported together.
#[derive(Default)]
pub(super) struct Source {
    values: HashMap<&'static str, String>,
    /// Where the given values come from. A setting that is not here has its default value.
    origins: HashMap<&'static str, Origin>,
    errors: Vec<Invalid>,
}

impl Source {
    /// Collects the values for this process: from its environment, and from `.env` in the working folder.
    pub(super) fn of_process(flags: &HashMap<&'static str, String>) -> Self {
        let dotenv = Path::new(dotenv::FILE);
        Self::collect(flags, |name| std::env::var(name).ok(), dotenv.exists().then_some(dotenv))
    }

    /// Collects the values. Flags take precedence over the environment, and the environment over the `.env` file. An
    /// empty value counts as not set.
    pub(super) fn collect(
        flags: &HashMap<&'static str, String>,
        environment: impl Fn(&str) -> Option<String>,
        dotenv: Option<&Path>,
    ) -> Self {
        let mut source = Self::default();
        let file = dotenv.map(|path| source.read_dotenv(path, &environment)).unwrap_or_default();
        for setting in SETTINGS.iter() {
            let given = [
                (Origin::Flag, flags.get(setting.name).cloned()),
                (Origin::Environment, environment(setting.name).filter(|value| !value.trim().is_empty())),
                (Origin::DotEnv, file.get(setting.name).cloned().filter(|value| !value.trim().is_empty())),
            ];
            let given = given.into_iter().find_map(|(origin, value)| Some((origin, value?)));
            if let Some((origin, value)) = given {
                source.origins.insert(setting.name, origin);
                source.values.insert(setting.name, value);
            } else if let Some(default) = setting.default {
                source.values.insert(setting.name, default.to_owned());
            }
        }
        for (name, url) in default_urls::defaults(|name| source.text(name)) {
            source.values.entry(name).or_insert(url);
        }
        source.refuse_contents();
        let former_keys = keys::former(|name| source.text(name));
        source.values.extend(former_keys.into_iter().flatten());
        source
    }

    /// Rejects the content of a file if a setting takes its path. Such content is usually a secret.
    fn refuse_contents(&mut self) {
        for setting in SETTINGS.iter() {
            if self.is_content(setting.name) {
                let problem = "takes the path of a file, not its content; the value is not shown".to_owned();
                self.errors.push(Invalid { variable: setting.name.to_owned(), got: None, problem });
            }
        }
    }

    fn is_content(&self, name: &str) -> bool {
        let names_a_file = find(name).is_some_and(Setting::names_a_file);
        names_a_file && self.text(name).is_some_and(looks_secret)
    }

    /// Reads a `.env` file. An unclosed quote is an error only for a known setting, because other programs may use the
    /// same file.
    fn read_dotenv(
        &mut self,
        path: &Path,
        environment: impl Fn(&str) -> Option<String>,
    ) -> HashMap<String, String> {
        let mut refuse = |problem: String| {
            self.errors.push(Invalid { variable: path.display().to_string(), got: None, problem });
        };
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) => {
                refuse(format!("cannot be read: {error}"));
                return HashMap::new();
            }
        };
        let file = dotenv::read(&text, environment);
        for line in file.malformed {
            refuse(format!("line {line} is not in the form NAME=VALUE"));
        }
        let mut values = HashMap::new();
        for (name, value) in file.values {
            match value {
                Some(value) => {
                    values.insert(name, value);
                }
                None if find(&name).is_some() => refuse(format!("{name} has an unclosed quote")),
                None => {}
            }
        }
        values
    }

    /// The value of a setting, if there is one.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.values.get(name).map(String::as_str)
    }

    /// Whether a setting has its default value because none was given.
    pub(super) fn is_default(&self, name: &str) -> bool {
        self.origin(name) == Origin::Default
    }

    /// Where the value of a setting comes from.
    pub(super) fn origin(&self, name: &str) -> Origin {
        self.origins.get(name).copied().unwrap_or(Origin::Default)
    }

    /// Parses the value of a setting. Records an error and returns `None` if the value is invalid.
    pub(super) fn parse<T>(&mut self, name: &str, parse: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.values.get(name)?.clone();
        let parsed = parse(text.trim());
        if parsed.is_none() {
            let takes = find(name).map_or("another value", |setting| setting.takes);
            self.refuse(name, &format!("takes {takes}"));
        }
        parsed
    }

    /// Records that the value of a setting is invalid.
    pub(super) fn refuse(&mut self, name: &str, problem: &str) {
        if self.is_content(name) {
            // `refuse_contents` has recorded the error already.
            return;
        }
        // A long value may be a key in base64, and a `_FILE` setting may contain the secret itself by mistake.
        let value = self.values.get(name).filter(|value| !looks_secret(value) && !name.ends_with("_FILE"));
        let got = value.map(|value| shown(find(name), value));
        self.errors.push(Invalid { variable: name.to_owned(), got, problem: problem.to_owned() });
    }

    /// Records that a setting has to be set.
    pub(super) fn refuse_unset(&mut self, name: &str, problem: &str) {
        self.errors.push(Invalid { variable: name.to_owned(), got: None, problem: problem.to_owned() });
    }

    /// Returns the errors, if there are any.
    pub(super) fn finish(self) -> Result<(), ConfigError> {
        if self.errors.is_empty() { Ok(()) } else { Err(ConfigError { invalid: self.errors }) }
    }
}

/// Settings whose URL may contain credentials.
const ADDRESSES: [&str; 6] = [
    "DATABASE_URL",
    "REDIS_URL",
    "SMTP_URL",
    "PUBLIC_URL",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
];

/// A value for display: a URL without its credentials, and nothing of any other secret.
pub(super) fn shown(setting: Option<&Setting>, value: &str) -> String {
    match setting {
        _ if is_key_material(value) => "***".to_owned(),
        Some(setting) if ADDRESSES.contains(&setting.name) => masked_url(value),
        Some(setting) if setting.secret => "***".to_owned(),
        _ => value.to_owned(),
    }
}

fn masked_url(url: &str) -> String {
    let (address, parameters) = url.split_once(['?', '#']).unwrap_or((url, ""));
    let shown = match (address.split_once("://"), address.rsplit_once('@')) {
        // The `?` may belong to a password, or the `@` to a parameter, so the end of the credentials is unknown.
        (Some((scheme, _)), _) if parameters.contains('@') => return format!("{scheme}://***"),
        (None, _) if url.contains('@') => return "***".to_owned(),
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://***@{host}"),
        _ => address.to_owned(),
    };
    if parameters.is_empty() { shown } else { shown + "?***" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_never_shown() {
        for (url, shown) in [
            ("postgres://ann:s3cret@db:5432/auth", "postgres://***@db:5432/auth"),
            ("postgres://ann:p@ss@db/auth?password=s3cret", "postgres://***@db/auth?***"),
            ("postgres://db/auth?user=ann&password=s3@cret", "postgres://***"),
            ("postgres://db/auth?user=ann&password=s3cret", "postgres://db/auth?***"),
            ("redis://:s3cret@cache:6379/1", "redis://***@cache:6379/1"),
            ("rediss://ann:s3?cr#et@cache", "rediss://***"),
            ("redis://cache", "redis://cache"),
            ("sqlite://data/inwren.db", "sqlite://data/inwren.db"),
            ("ann:s3cret@db", "***"),
            ("memory:", "memory:"),
        ] {
            assert_eq!(masked_url(url), shown);
        }
    }

    #[test]
    fn flags_beat_the_environment_which_beats_the_file() {
        let folder = std::env::temp_dir().join(format!("inwren-dotenv-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join(".env");
        std::fs::write(&file, "HOST=10.0.0.1\nPORT=1\nPROJECT_NAME='from file'\nTIERS=\n").unwrap();
        let flags = HashMap::from([("PORT", "3".to_owned())]);
        let environment = |name: &str| (name == "PORT" || name == "HOST").then(|| "2".to_owned());
        let source = Source::collect(&flags, environment, Some(&file));
        assert_eq!(source.text("PORT"), Some("3"));
        assert_eq!(source.text("HOST"), Some("2"));
        assert_eq!(source.text("PROJECT_NAME"), Some("from file"));
        assert_eq!(source.text("TIERS"), Some("free,premium,enterprise"));
        let origins = ["PORT", "HOST", "PROJECT_NAME", "TIERS"].map(|name| source.origin(name));
        assert_eq!(origins, [Origin::Flag, Origin::Environment, Origin::DotEnv, Origin::Default]);
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
