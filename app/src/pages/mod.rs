//! Pages for browsers: one base template, one style sheet, and one function that renders.
//!
//! A page is one response. Its styles, scripts and images are inside it, and its content security policy names them by
//! digest, so it loads nothing else and an injected script does not run. The templates escape every value unless Rust
//! code has marked it as HTML.
//!
//! To add a page: write `templates/<name>.html`, which extends `base.html`, list it in `templates.rs`, and call
//! [`render`] in the feature's `http` folder.

mod policy;
mod templates;

use bytes::Bytes;
use minijinja::{Environment, Value, context};
use poem::Response;
use poem::http::{HeaderValue, StatusCode, header};

pub(crate) use self::policy::Grants;
use self::policy::policy;
use self::templates::ENVIRONMENT;

/// The style sheet of all pages.
const STYLE: &str = include_str!("assets/style.css");
/// The logo. Without a title: the name of the service is beside it.
const LOGO: &str = include_str!("assets/logo.svg");

/// The script of pages with something to copy. It shows the buttons that need it.
pub(crate) const COPY_SCRIPT: &str = include_str!("assets/copy.js");
/// The script of pages that ask for a passkey.
pub(crate) const PASSKEY_SCRIPT: &str = include_str!("assets/passkey.js");
/// The script that submits the form of an authorization response.
pub(crate) const POST_SCRIPT: &str = include_str!("assets/post.js");
/// The script of the registration form, which exists in development only.
pub(crate) const TRY_SCRIPT: &str = include_str!("assets/try.js");
/// The styles of the pages to which letters link.
pub(crate) const ACCOUNT_STYLE: &str = include_str!("assets/account.css");
/// The styles of Swagger UI, applied after its own.
pub(crate) const SWAGGER_STYLE: &str = include_str!("assets/swagger.css");
/// The script that starts Swagger UI.
pub(crate) const SWAGGER_SCRIPT: &str = include_str!("assets/swagger.js");
/// The styles of ReDoc, beside its own.
pub(crate) const REDOC_STYLE: &str = include_str!("assets/redoc.css");
/// The script that starts ReDoc.
pub(crate) const REDOC_SCRIPT: &str = include_str!("assets/redoc.js");

/// What to render.
pub(crate) struct View<'a> {
    /// The file name of the template.
    pub(crate) template: &'static str,
    /// The title of the page.
    pub(crate) title: &'a str,
    /// The name of the service, as its operator chose it.
    pub(crate) service: &'a str,
    /// What precedes the paths of the service in links: its path with a slash, or a relative path.
    pub(crate) root: &'a str,
    /// The styles after the common style sheet, which it may override.
    pub(crate) styles: &'a [&'a str],
    /// The scripts, in the order in which they run.
    pub(crate) scripts: &'a [&'a str],
    /// What the page's scripts may do.
    pub(crate) grants: Grants,
}

/// A rendered page.
pub(crate) struct Page {
    html: Bytes,
    policy: HeaderValue,
}

impl Page {
    /// Returns the page as a response.
    pub(crate) fn response(&self) -> Response {
        Response::builder()
            .status(StatusCode::OK)
            .content_type("text/html; charset=utf-8")
            .header(header::CONTENT_SECURITY_POLICY, self.policy.clone())
            .body(self.html.clone())
    }
}

/// Renders a page. `values` are those of its template, beside the ones that `base.html` needs.
///
/// # Errors
///
/// If the template is wrong: it does not parse, or needs a value that it did not get.
pub(crate) fn render(view: &View<'_>, values: Value) -> Result<Page, minijinja::Error> {
    render_from(&ENVIRONMENT, view, values)
}

/// Renders a page whose forms may also lead to these sources, besides this service.
///
/// # Errors
///
/// As [`render`].
pub(crate) fn render_to(
    view: &View<'_>,
    targets: &[String],
    values: Value,
) -> Result<Page, minijinja::Error> {
    render_with(&ENVIRONMENT, view, targets, values)
}

/// Renders a page whose template is in this environment.
///
/// # Errors
///
/// As [`render`].
pub(crate) fn render_from(
    environment: &Environment<'_>,
    view: &View<'_>,
    values: Value,
) -> Result<Page, minijinja::Error> {
    render_with(environment, view, &[], values)
}

fn render_with(
    environment: &Environment<'_>,
    view: &View<'_>,
    targets: &[String],
    values: Value,
) -> Result<Page, minijinja::Error> {
    let styles: Vec<&str> = std::iter::once(STYLE).chain(view.styles.iter().copied()).collect();
    let html = |parts: &[&str]| parts.iter().map(|part| trusted(part)).collect::<Vec<_>>();
    let common = context! {
        title => view.title,
        service => view.service,
        root => view.root,
        styles => html(&styles),
        scripts => html(view.scripts),
        logo => trusted(LOGO),
        icon => templates::icon(LOGO),
    };
    let html = environment.get_template(view.template)?.render(context! { ..values, ..common })?;
    Ok(Page { html: Bytes::from(html), policy: policy(&styles, view.scripts, view.grants, targets) })
}

/// Marks a text as HTML, which the template does not escape. Only for texts of the program.
pub(crate) fn trusted(html: &str) -> Value {
    Value::from_safe_string(html.to_owned())
}

/// Returns JSON as the content of a `<script>` element of the type `application/json`. No text in it can end the
/// element.
pub(crate) fn json_data(json: &str) -> Value {
    Value::from_safe_string(json.replace('<', "\\u003c"))
}

/// Converts a text to HTML. The only Markdown in it is code between backticks.
pub(crate) fn with_code(text: &str) -> Value {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let parts = escaped.split('`').enumerate();
    let parts = parts
        .map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() });
    Value::from_safe_string(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const VIEW: View<'_> = View {
        template: "problems.html",
        title: "<b>Title</b>",
        service: "A & B's",
        root: "/auth/",
        styles: &["b{}"],
        scripts: &["let c;"],
        grants: Grants::NONE,
    };

    #[test]
    fn a_page_escapes_its_values() {
        let problems = vec![context! { code => "<i>", status => 400, title => "\"quoted\"" }];
        let page = render(&VIEW, context! { problems }).unwrap();
        let html = String::from_utf8_lossy(&page.html);
        for part in [
            "<title>&lt;b&gt;Title&lt;&#x2f;b&gt;</title>",
            "A &amp; B&#x27;s",
            "&lt;i&gt;",
            "&quot;quoted&quot;",
            "<style>b{}</style>",
            "<script>let c;</script>",
        ] {
            assert!(html.contains(part), "{part} is not in {html}");
        }
    }

    #[test]
    fn a_missing_value_is_an_error() {
        assert!(render(&VIEW, context! {}).is_err());
        assert!(render(&View { template: "no-such.html", ..VIEW }, context! {}).is_err());
    }

    #[test]
    fn json_cannot_end_its_element() {
        assert_eq!(json_data("{\"a\": \"</script>\"}").to_string(), "{\"a\": \"\\u003c/script>\"}");
    }

    #[test]
    fn backticks_become_code() {
        assert_eq!(with_code("a `b<c` & d").to_string(), "a <code>b&lt;c</code> &amp; d");
    }
}
