use std::fmt::{Display, Write as _};

/// The type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A counter: it only grows, from zero at the start of the process.
    Counter,
    /// A gauge: the current value.
    Gauge,
    /// A histogram: cumulative counts by upper bound, with the total sum and count.
    Histogram,
}

/// A page in the text format of Prometheus (exposition format 0.0.4).
#[derive(Default)]
pub(super) struct Page(String);

impl Page {
    pub(super) const MEDIA_TYPE: &'static str = "text/plain; version=0.0.4; charset=utf-8";

    /// Starts a metric. Its samples follow, and then the next metric.
    pub(super) fn metric(&mut self, name: &'static str, kind: Kind, help: &str) -> Metric<'_> {
        let kind = match kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
        Metric { page: &mut self.0, name }
    }

    pub(super) fn into_text(self) -> String {
        self.0
    }
}

/// A metric under construction.
pub(super) struct Metric<'a> {
    page: &'a mut String,
    name: &'static str,
}

impl Metric<'_> {
    /// Writes a sample.
    pub(super) fn sample(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.part("", labels, value);
    }

    /// Writes a sample of a metric that has several series, such as `_sum`.
    pub(super) fn part(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.page.push_str(self.name);
        self.page.push_str(suffix);
        for (place, (name, text)) in labels.iter().enumerate() {
            let open = if place == 0 { '{' } else { ',' };
            let _ = write!(self.page, "{open}{name}=\"");
            for character in text.chars() {
                match character {
                    '\\' => self.page.push_str("\\\\"),
                    '"' => self.page.push_str("\\\""),
                    '\n' => self.page.push_str("\\n"),
                    plain => self.page.push(plain),
                }
            }
            self.page.push('"');
        }
        let _ = writeln!(self.page, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_reads_as_the_format_says() {
        let mut page = Page::default();
        let mut metric = page.metric("jobs_total", Kind::Counter, "Jobs.");
        metric.sample(&[("kind", "a \"b\" \\ c\nd"), ("done", "yes")], 3);
        page.metric("load", Kind::Gauge, "Load.").sample(&[], 0.25);
        let expected = "# HELP jobs_total Jobs.\n# TYPE jobs_total counter\n\
             jobs_total{kind=\"a \\\"b\\\" \\\\ c\\nd\",done=\"yes\"} 3\n\
             # HELP load Load.\n# TYPE load gauge\nload 0.25\n";
        assert_eq!(page.into_text(), expected);
    }
}
