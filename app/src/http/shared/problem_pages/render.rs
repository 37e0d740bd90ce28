use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use poem::http::HeaderValue;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::http::shared::problem::Kind;

/// The formats of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// For browsers.
    Html,
    /// For readers of plain text.
    Markdown,
    /// For programs.
    Json,
}

impl Format {
    pub(super) const fn media_type(self) -> &'static str {
        match self {
            Self::Html => "text/html; charset=utf-8",
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Json => "application/json",
        }
    }
}

const STYLE: &str = "body{font:1.05rem/1.5 system-ui,sans-serif;max-width:42rem;margin:3rem auto;padding:0 1rem;\
color:#1b1f24;background:#fff}code{font-family:ui-monospace,monospace}dt{font-weight:600;margin-top:1rem}\
dd{margin-left:0}a{color:#0b57d0}@media(prefers-color-scheme:dark){body{color:#e6e6e6;background:#16181b}\
a{color:#8ab4f8}}";

/// The content security policy of a page. It allows the page's own style sheet and `data:` images, and nothing else.
pub(super) fn policy() -> HeaderValue {
    static POLICY: OnceLock<HeaderValue> = OnceLock::new();
    let made = || {
        let policy = format!(
            "default-src 'none'; object-src 'none'; style-src 'sha256-{}'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
            STANDARD.encode(Sha256::digest(STYLE))
        );
        HeaderValue::from_str(&policy).unwrap_or(HeaderValue::from_static("default-src 'none'"))
    };
    POLICY.get_or_init(made).clone()
}

/// Renders the page of one kind of problem.
pub(super) fn one(kind: &Kind, format: Format) -> String {
    match format {
        Format::Html => {
            let Kind { code, status, title, retryable, meaning, remedy, .. } = kind;
            page(
                title,
                &format!(
                    "<h1>{title}</h1>\n<dl>\n<dt>Code</dt><dd><code>{code}</code></dd>\n\
                     <dt>Status</dt><dd>{status}</dd>\n<dt>What it means</dt><dd>{}</dd>\n\
                     <dt>What to do</dt><dd>{}</dd>\n<dt>Can the same request succeed later?</dt><dd>{}</dd>\n\
                     </dl>\n<p><a href=\"../problems\">All problems</a></p>",
                    html(meaning),
                    html(remedy),
                    yes_or_no(*retryable),
                ),
            )
        }
        Format::Markdown => section(kind, "#"),
        Format::Json => of(kind).to_string(),
    }
}

/// Renders the page that lists all kinds of problem.
pub(super) fn list(format: Format) -> String {
    match format {
        Format::Html => {
            let line = |kind: &&Kind| {
                let Kind { code, status, title, .. } = kind;
                format!("<li>{status} <a href=\"problems/{code}\"><code>{code}</code></a>: {title}</li>\n")
            };
            let lines: String = Kind::ALL.iter().map(line).collect();
            page("Problems", &format!("<h1>Problems</h1>\n<ul>\n{lines}</ul>"))
        }
        Format::Markdown => reference(),
        Format::Json => {
            json!({ "problems": Kind::ALL.iter().map(|kind| of(kind)).collect::<Vec<_>>() }).to_string()
        }
    }
}

/// Renders all problems as one page of the documentation, in Markdown.
pub fn reference() -> String {
    let mut page = "# Problems\n\n\
        Errors are `application/problem+json` (RFC 9457). Programs handle them by `code`. `type` is `/problems/` and the \
        code:\nevery running service serves the description at this path. Only the OAuth 2.0 endpoints return errors in the \
        format of\nRFC 6749.\n\n| Status | Code | Retryable |\n|---|---|---|\n"
        .to_owned();
    for Kind { code, status, retryable, .. } in Kind::ALL {
        page += &format!("| {status} | [`{code}`](#{code}) | {} |\n", yes_or_no(*retryable));
    }
    for kind in Kind::ALL {
        page += "\n";
        page += &section(kind, "##");
    }
    page
}

/// Renders the section of a problem. Its heading is the code, so that links to it stay valid when the wording changes.
fn section(kind: &Kind, heading: &str) -> String {
    let Kind { code, status, title, retryable, meaning, remedy, .. } = kind;
    let retryable = yes_or_no(*retryable);
    format!(
        "{heading} {code}\n\n{status}, \"{title}\". {meaning}\n\n**What to do:** {remedy}\n\n\
         **Can the same request succeed later?** {retryable}.\n"
    )
}

fn of(kind: &Kind) -> Value {
    let Kind { code, status, title, retryable, meaning, remedy, .. } = kind;
    json!({
        "type": format!("/problems/{code}"),
        "code": code,
        "title": title,
        "status": status,
        "meaning": meaning,
        "remedy": remedy,
        "retryable": retryable,
    })
}

fn page(title: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><title>{title}</title>\
         <meta name=\"viewport\" content=\"width=device-width\"><link rel=\"icon\" href=\"data:,\">\
         <style>{STYLE}</style></head>\n<body>\n{body}\n</body>\n</html>\n"
    )
}

/// Converts a text of the service to HTML. The only Markdown in these texts is code.
fn html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    parts
        .map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() })
        .collect()
}

const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
