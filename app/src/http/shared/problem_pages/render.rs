use minijinja::context;
use poem::Response;
use poem::http::StatusCode;
use serde_json::{Value, json};

use crate::http::shared::problem::Kind;
use crate::pages::{self, Grants, View};

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

/// Renders the page of one kind of problem.
pub(super) fn one(kind: &Kind, format: Format, service: &str) -> Result<Response, minijinja::Error> {
    let Kind { code, status, title, retryable, meaning, remedy, .. } = *kind;
    match format {
        Format::Html => {
            let view = View { template: "problem.html", title, service, root: "../", ..VIEW };
            let (meaning, remedy) = (pages::with_code(meaning), pages::with_code(remedy));
            let page = pages::render(&view, context! { code, status, retryable, meaning, remedy })?;
            Ok(page.response())
        }
        Format::Markdown => Ok(text(format, section(kind, "#"))),
        Format::Json => Ok(text(format, of(kind).to_string())),
    }
}

/// Renders the page that lists all kinds of problem.
pub(super) fn list(format: Format, service: &str) -> Result<Response, minijinja::Error> {
    match format {
        Format::Html => {
            let view = View { template: "problems.html", title: "Problems", service, ..VIEW };
            let entry = |kind: &&Kind| {
                let Kind { code, status, title, .. } = **kind;
                context! { code, status, title }
            };
            let problems: Vec<_> = Kind::ALL.iter().map(entry).collect();
            Ok(pages::render(&view, context! { problems })?.response())
        }
        Format::Markdown => Ok(text(format, reference())),
        Format::Json => {
            let problems: Vec<_> = Kind::ALL.iter().map(|kind| of(kind)).collect();
            Ok(text(format, json!({ "problems": problems }).to_string()))
        }
    }
}

/// What these pages have in common. Their links are relative, because the path at which a proxy serves them is unknown.
const VIEW: View<'_> = View {
    template: "problems.html",
    title: "",
    service: "",
    root: "./",
    styles: &[],
    scripts: &[],
    grants: Grants::NONE,
};

fn text(format: Format, body: String) -> Response {
    Response::builder().status(StatusCode::OK).content_type(format.media_type()).body(body)
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

const fn yes_or_no(is_so: bool) -> &'static str {
    if is_so { "yes" } else { "no" }
}
