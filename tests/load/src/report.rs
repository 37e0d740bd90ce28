//! The figures and their output as a table, as JSON and as an image.

use std::fmt::Write as _;

use serde_json::{Value, json};

/// The bound that a ratio must meet.
#[derive(Clone, Copy, PartialEq)]
pub enum Target {
    /// The ratio must be at least this.
    AtLeast(f64),
    /// The ratio must be at most this.
    AtMost(f64),
}

/// One line of the table.
pub struct Line {
    /// The name of the measurement.
    pub name: String,
    /// The measured figure.
    pub measured: f64,
    /// The reference figure; 1 if the measured figure stands alone.
    pub limit: f64,
    /// The unit of both figures.
    pub unit: &'static str,
    /// The target for the ratio of the two figures.
    pub target: Target,
}

impl Line {
    /// The measured figure divided by the limit.
    pub fn ratio(&self) -> f64 {
        self.measured / self.limit
    }

    /// Whether the ratio meets the target.
    pub fn is_met(&self) -> bool {
        match self.target {
            Target::AtLeast(least) => self.ratio() >= least,
            Target::AtMost(most) => self.ratio() <= most,
        }
    }

    fn wanted(&self) -> String {
        match self.target {
            Target::AtLeast(least) => format!("≥ {least}"),
            Target::AtMost(most) => format!("≤ {most}"),
        }
    }

    fn verdict(&self) -> &'static str {
        if self.is_met() { "met" } else { "MISSED" }
    }
}

/// A table for readers, in Markdown.
pub fn table(lines: &[Line]) -> String {
    let mut text = "| Path | Measured | Limit | Ratio | Target | |\n|---|--:|--:|--:|---|---|\n".to_owned();
    for line in lines {
        let _ = writeln!(
            text,
            "| {} | {} {unit} | {} {unit} | {:.2} | {} | {} |",
            line.name,
            figure(line.measured),
            figure(line.limit),
            line.ratio(),
            line.wanted(),
            line.verdict(),
            unit = line.unit,
        );
    }
    text
}

fn figure(value: f64) -> String {
    if value >= 100.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}

/// The figures as JSON, for programs.
pub fn to_json(lines: &[Line]) -> Value {
    let line = |line: &Line| {
        json!({
            "path": line.name, "measured": line.measured, "limit": line.limit, "unit": line.unit,
            "ratio": line.ratio(), "target": line.wanted(), "met": line.is_met(),
        })
    };
    json!({ "lines": lines.iter().map(line).collect::<Vec<_>>() })
}

const ROW: usize = 26;
const LABELS: usize = 720;
const BARS: usize = 360;
const FIGURES: usize = 190;

/// An SVG image: one bar per figure as a share of its limit, with a mark at the target.
pub fn to_svg(lines: &[Line]) -> String {
    let (width, height) = (LABELS + BARS + FIGURES, (lines.len() + 1) * ROW);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" font-family=\"sans-serif\" \
         font-size=\"13\">\n<rect width=\"{width}\" height=\"{height}\" fill=\"#ffffff\"/>\n"
    );
    for (row, line) in lines.iter().enumerate() {
        let top = row * ROW + ROW / 2;
        let (target, most) = match line.target {
            Target::AtLeast(least) => (least, 1.0_f64),
            // If the target is zero, a ratio of 1 fills the bar.
            Target::AtMost(most) => (most, if most > 0.0 { 1.5 * most } else { 1.0 }),
        };
        let scale = |value: f64| (value / most).clamp(0.0, 1.0) * BARS as f64;
        let colour = if line.is_met() { "#3b7a57" } else { "#b3442e" };
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{BARS}\" height=\"16\" fill=\"#e8e8e8\"/>\
             <rect x=\"{LABELS}\" y=\"{top}\" width=\"{:.1}\" height=\"16\" fill=\"{colour}\"/>\
             <rect x=\"{:.1}\" y=\"{}\" width=\"2\" height=\"22\" fill=\"#000000\"/>\
             <text x=\"{}\" y=\"{}\">{:.2} ({})</text>",
            LABELS - 8,
            top + 13,
            escaped(&line.name),
            scale(line.ratio()),
            LABELS as f64 + scale(target),
            top - 3,
            LABELS + BARS + 10,
            top + 13,
            line.ratio(),
            line.wanted(),
        );
    }
    svg + "</svg>\n"
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}
