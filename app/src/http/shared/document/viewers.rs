//! The pages that show the document: Swagger UI and ReDoc.
//!
//! The scripts come from the OpenAPI library. The library offers them only as parts of its own pages, so this module
//! extracts them from those pages.

use minijinja::context;

use crate::pages::{self, Grants, Page, View};

/// Renders Swagger UI. `library` is the page of the library.
pub(super) fn swagger_ui(
    library: &str,
    service: &str,
    root: &str,
    document: &str,
) -> Result<Page, minijinja::Error> {
    let view = View {
        template: "swagger.html",
        title: service,
        service,
        root,
        styles: &[content(library, "style"), pages::SWAGGER_STYLE],
        scripts: &[content(library, "script"), pages::SWAGGER_SCRIPT],
        grants: Grants { requests: true, ..Grants::NONE },
    };
    pages::render(&view, context! { document => pages::json_data(document) })
}

/// Renders ReDoc. `library` is the page of the library.
pub(super) fn redoc(
    library: &str,
    service: &str,
    root: &str,
    document: &str,
) -> Result<Page, minijinja::Error> {
    let view = View {
        template: "redoc.html",
        title: service,
        service,
        root,
        styles: &[pages::REDOC_STYLE],
        scripts: &[content(library, "script"), pages::REDOC_SCRIPT],
        // Its search runs in a worker, and its styles are written by script.
        grants: Grants { workers: true, style_elements: true, ..Grants::NONE },
    };
    pages::render(&view, context! { document => pages::json_data(document) })
}

/// Returns the content of the first element with this name. A script may contain the start of another one in a string.
fn content<'a>(html: &'a str, element: &str) -> &'a str {
    let (start, end) = (format!("<{element}"), format!("</{element}>"));
    let found = || {
        let (_, tag) = html.split_once(&start)?;
        let (_, content) = tag.split_once('>')?;
        Some(content.split_once(&end)?.0)
    };
    found().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_element_is_found_whole() {
        let html =
            "<style>a</style><script charset=\"UTF-8\">a < '<script>b'</script><p></p><script>c</script>";
        assert_eq!((content(html, "style"), content(html, "script")), ("a", "a < '<script>b'"));
        assert_eq!(content(html, "main"), "");
    }
}
