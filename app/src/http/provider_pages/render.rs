use inwren_domain::kernel::Locale;
use minijinja::{Value, context};
use poem::Response;
use poem::http::{HeaderName, HeaderValue, StatusCode, header};

use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;
use crate::letters::Catalog;
use crate::pages::{self, Grants, View};

/// What the pages for one reader have in common.
pub(in crate::http) struct Pages<'a> {
    catalog: &'a Catalog,
    service: &'a str,
    /// The path of the service, without a slash at the end.
    root: &'a str,
}

/// A template, and what its page may do.
#[derive(Clone, Copy)]
pub(in crate::http) struct Sheet<'a> {
    pub(in crate::http) template: &'static str,
    pub(in crate::http) scripts: &'a [&'a str],
    /// Where forms may lead besides this service.
    pub(in crate::http) targets: &'a [String],
}

impl Sheet<'_> {
    /// A page without scripts, whose forms stay here.
    pub(in crate::http) const fn of(template: &'static str) -> Self {
        Self { template, scripts: &[], targets: &[] }
    }
}

impl<'a> Pages<'a> {
    /// The pages in a language.
    pub(in crate::http) fn of(state: &'a AppState, language: Option<&Locale>) -> Result<Self, Problem> {
        let catalog = state.page_texts.catalogs().of(language);
        let catalog = catalog.ok_or_else(|| Problem::internal("the pages have no texts"))?;
        Ok(Self { catalog, service: &state.project_name, root: state.issuer.path() })
    }

    /// The text of a key.
    pub(in crate::http) fn text(&self, key: &str) -> Result<String, Problem> {
        self.filled(key, &[])
    }

    /// The text of a key, with these values and the name of the service.
    pub(in crate::http) fn filled(&self, key: &str, values: &[(&str, &str)]) -> Result<String, Problem> {
        let values: Vec<(&str, &str)> = values.iter().copied().chain([("service", self.service)]).collect();
        let found = self.catalog.text(key, &values);
        found.ok_or_else(|| Problem::internal(format_args!("no text `{key}` in {}", self.catalog.language())))
    }

    /// A path of the service, as browsers call it.
    pub(in crate::http) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.root)
    }

    /// A page that shows a message. `name` is that of its texts; the link has a URL and the key of its text.
    pub(in crate::http) fn message(
        &self,
        status: StatusCode,
        name: &str,
        link: Option<(String, &str)>,
    ) -> Result<Response, Problem> {
        let link = match link {
            Some((url, key)) => Some(context! { url, label => self.text(key)? }),
            None => None,
        };
        let title = self.text(&format!("page.message.{name}_title"))?;
        let values = context! { text => self.text(&format!("page.message.{name}_text"))?, link };
        self.page(status, &Sheet::of("message.html"), &title, None, values)
    }

    /// Shows a problem of the API as a page. Only the operator learns the cause of a failure, from the log.
    pub(in crate::http) fn problem(&self, problem: &Problem) -> Result<Response, Problem> {
        let status = StatusCode::from_u16(problem.kind.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let name = match status {
            StatusCode::TOO_MANY_REQUESTS => "rate_limited",
            status if status.is_client_error() => "malformed",
            _ => {
                let cause = problem.cause.as_deref().unwrap_or("unknown");
                tracing::error!(code = problem.kind.code, cause, "request failed");
                "unavailable"
            }
        };
        let mut response = self.message(status, name, None)?;
        if let Some(seconds) = problem.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        Ok(response)
    }

    /// A page. The error is the one that it shows in its form.
    pub(in crate::http) fn page(
        &self,
        status: StatusCode,
        sheet: &Sheet<'_>,
        title: &str,
        error: Option<&str>,
        values: Value,
    ) -> Result<Response, Problem> {
        const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
        let view = View {
            template: sheet.template,
            title,
            service: self.service,
            root: self.root,
            styles: &[pages::ACCOUNT_STYLE],
            scripts: sheet.scripts,
            grants: Grants { forms: true, ..Grants::NONE },
        };
        let values = context! {
            language => self.catalog.language(),
            error,
            error_label => self.text("page.error")?,
            ..values
        };
        let page = pages::render_to(&view, sheet.targets, values);
        let mut response = page.map_err(|error| Problem::internal(format_args!("{error:#}")))?.response();
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language, Cookie"));
        if let Ok(language) = HeaderValue::from_str(self.catalog.language()) {
            headers.insert(header::CONTENT_LANGUAGE, language);
        }
        Ok(response)
    }
}

#[cfg(test)]
impl<'a> Pages<'a> {
    /// Pages of a sample service.
    pub(in crate::http) fn sample(catalog: &'a Catalog) -> Self {
        Self { catalog, service: "Sample", root: "" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::letters::PageTexts;

    #[tokio::test]
    async fn every_template_renders_and_escapes() {
        let texts = PageTexts::read(None).unwrap();
        let pages = Pages::sample(texts.catalogs().of(None).unwrap());
        let link = || context! { url => "/a", label => "label" };
        let grant = context! { id => "a", name => "<b>", since => "s", scopes => ["one"], label => "l" };
        for template in [
            "choose.html",
            "consent.html",
            "enrol.html",
            "factor.html",
            "form_post.html",
            "grants.html",
            "login.html",
            "logout.html",
            "message.html",
            "register.html",
            "registered.html",
        ] {
            let fields = [context! { name => "state", value => "<b>" }];
            let values = context! {
                text => "<b>", action => "/a", interaction => "i", submit => "s", email => "<b>", other => "o",
                account => "<b>", scopes => ["<b>"], note => "n", allow => "a", deny => "d",
                challenge => "c", takes_code => true, code_label => "c", code_hint => "h", options => "o",
                starts => true, passkey => "p", passkey_failed => "f", no_script => "n", login => "/l",
                fields, grants => [grant.clone()], token => "t", withdraw => "w", logout => link(),
                email_label => "e", password_label => "p", password_hint => "h", wrong_field => "email",
                forgot => link(), register => "/r", register_label => "r", login_label => "l",
                stay => link(), link => link(), factors => link(), back => link(), takes_password => true,
                app_action => "/f", app => "a", passkey_action => "/p"
            };
            let sheet = Sheet { scripts: &[pages::PASSKEY_SCRIPT], ..Sheet::of(template) };
            let response = pages.page(StatusCode::OK, &sheet, "<b>", Some("<b>"), values).unwrap();
            let html = response.into_body().into_string().await.unwrap();
            assert!(html.contains("&lt;b&gt;") && !html.contains("<b>"), "{template}: {html}");
        }
    }

    #[tokio::test]
    async fn messages_have_texts_in_all_languages() {
        let texts = PageTexts::read(None).unwrap();
        for catalog in texts.catalogs().all() {
            let pages = Pages::sample(catalog);
            for name in [
                "cross_site",
                "expired",
                "invalid_logout",
                "malformed",
                "no_redirect_uri",
                "rate_limited",
                "signed_out",
                "unavailable",
                "unknown_client",
                "unregistered_redirect_uri",
            ] {
                let link = Some(("/login".to_owned(), "page.login.title"));
                let response = pages.message(StatusCode::OK, name, link).unwrap();
                let html = response.into_body().into_string().await.unwrap();
                assert!(html.contains("<html lang=\"") && !html.contains("{service}"), "{html}");
            }
        }
    }
}
