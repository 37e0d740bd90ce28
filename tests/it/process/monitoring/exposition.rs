use std::collections::{BTreeMap, BTreeSet};

/// A page of metrics, parsed as strictly as the format specifies.
#[derive(Debug)]
pub(super) struct Exposition {
    pub(super) text: String,
    kinds: BTreeMap<String, String>,
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    #[track_caller]
    pub(super) fn read(text: &str) -> Self {
        assert!(text.ends_with('\n'), "the last line has no end");
        let (mut kinds, mut samples) = (BTreeMap::new(), BTreeMap::new());
        let mut current = String::new();
        for line in text.lines() {
            if let Some(help) = line.strip_prefix("# HELP ") {
                let (name, help) = help.split_once(' ').expect("a help");
                assert!(help.ends_with('.') && help.len() > 5, "{line}");
                name.clone_into(&mut current);
            } else if let Some(kind) = line.strip_prefix("# TYPE ") {
                let (name, kind) = kind.split_once(' ').expect("a kind");
                assert_eq!(name, current, "a kind goes with its help");
                assert!(kinds.insert(name.to_owned(), kind.to_owned()).is_none(), "{name} comes twice");
            } else {
                let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("{line:?}"));
                let name = series.split('{').next().unwrap();
                let kind = kinds.get(&current).map(String::as_str);
                let base = match kind {
                    Some("histogram") => {
                        ["_bucket", "_sum", "_count"].iter().find_map(|part| name.strip_suffix(part))
                    }
                    _ => Some(name),
                };
                assert_eq!(base, Some(current.as_str()), "a sample of another metric: {line}");
                assert!(kind != Some("counter") || name.ends_with("_total"), "{line}");
                let value = value.parse().unwrap_or_else(|error| panic!("{error}: {line}"));
                assert!(samples.insert(series.to_owned(), value).is_none(), "{series} comes twice");
            }
        }
        Self { text: text.to_owned(), kinds, samples }
    }

    /// The value of a series. `series` includes the labels, as exposed.
    #[track_caller]
    pub(super) fn value(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("no {series} in\n{}", self.text))
    }

    /// The names of the metrics.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.kinds.keys().cloned().collect()
    }

    /// The names that queries use: for a histogram, the names of its parts.
    pub(super) fn names_in_queries(&self) -> BTreeSet<String> {
        self.samples.keys().map(|series| series.split('{').next().unwrap().to_owned()).collect()
    }

    /// The labelled series that the page exposes.
    pub(super) fn series(&self) -> BTreeSet<String> {
        self.samples.keys().cloned().collect()
    }

    pub(super) fn kind(&self, name: &str) -> Option<&str> {
        self.kinds.get(name).map(String::as_str)
    }
}
