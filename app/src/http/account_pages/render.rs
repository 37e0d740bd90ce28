use inwren_domain::account::preview::Preview;
use inwren_domain::action_token::Purpose;
use inwren_domain::kernel::{ClientInfo, Device, Email};
use minijinja::{Value, context};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{FromRequest as _, Request, RequestBody, Response};
use time::{Duration, OffsetDateTime};

use super::kind::{AccountPage, PAGES, PasswordField};
use super::wrong_field::WrongField;
use crate::http::shared::locale::Language;
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;
use crate::letters::{Catalog, PageTexts, TemplateError, links, time_text};
use crate::pages::{self, Grants, Page, View};

/// What the pages for one reader have in common.
pub(super) struct Pages<'a> {
    texts: &'a PageTexts,
    catalog: &'a Catalog,
    service: &'a str,
    /// The path of the service, without a slash at the end.
    root: &'a str,
}

/// Why the action did not happen. The name is that of its texts in the section `page.failed`.
pub(super) struct Failed(pub(super) StatusCode, pub(super) &'static str);

impl Failed {
    /// The link does nothing.
    pub(super) const INVALID: Self = Self(StatusCode::BAD_REQUEST, "invalid");
    /// Another user has the address.
    pub(super) const EMAIL_TAKEN: Self = Self(StatusCode::CONFLICT, "email_taken");
    /// Another site submitted the form.
    pub(super) const CROSS_SITE: Self = Self(StatusCode::FORBIDDEN, "cross_site");
    /// No mail is configured.
    pub(super) const MAIL_NOT_CONFIGURED: Self = Self(StatusCode::NOT_IMPLEMENTED, "mail_not_configured");
    /// The form cannot be read.
    pub(super) const MALFORMED: Self = Self(StatusCode::BAD_REQUEST, "malformed");

    const NAMES: [&'static str; 7] = [
        "invalid",
        "email_taken",
        "cross_site",
        "mail_not_configured",
        "malformed",
        "rate_limited",
        "unavailable",
    ];
}

/// What a form is about.
#[derive(Clone, Copy)]
pub(super) enum Subject<'a> {
    /// A valid link, and its token.
    Link(&'a Preview, &'a str),
    /// The address that the user has typed.
    Address(&'a str),
}

impl<'a> Pages<'a> {
    /// The pages in the language of the client.
    pub(super) async fn of(state: &'a AppState, request: &Request) -> Result<Self, Problem> {
        let language = Language::from_request(request, &mut RequestBody::default()).await;
        let locale = language.map(|language| language.0).unwrap_or_default();
        let catalog = state.page_texts.catalogs().of(locale.as_ref());
        let catalog = catalog.ok_or_else(|| Problem::internal("the pages have no texts"))?;
        let (texts, service) = (&state.page_texts, state.project_name.as_str());
        Ok(Self { texts, catalog, service, root: state.issuer.path() })
    }

    /// The form of a page.
    pub(super) fn form(
        &self,
        page: &AccountPage,
        subject: Subject<'_>,
        wrong: Option<WrongField>,
    ) -> Result<Response, Problem> {
        let status = wrong.map_or(StatusCode::OK, |wrong| wrong.status);
        self.response(status, self.render_form(page, subject, wrong))
    }

    /// The page after the action. `result` is the prefix of its texts, and `back` the URL of the authorization request
    /// to which the user can return.
    pub(super) fn done(
        &self,
        page: &AccountPage,
        result: &str,
        back: Option<&str>,
    ) -> Result<Response, Problem> {
        self.response(StatusCode::OK, self.render_done(page, result, back))
    }

    /// The page of an action that did not happen.
    pub(super) fn failed(&self, page: &AccountPage, failed: &Failed) -> Result<Response, Problem> {
        self.response(failed.0, self.render_failed(page, failed.1))
    }

    fn response(&self, status: StatusCode, page: Result<Page, TemplateError>) -> Result<Response, Problem> {
        const ROBOTS: HeaderName = HeaderName::from_static("x-robots-tag");
        let mut response = page.map_err(Problem::internal)?.response();
        response.set_status(status);
        let headers = response.headers_mut();
        headers.insert(ROBOTS, HeaderValue::from_static("noindex"));
        headers.insert(header::VARY, HeaderValue::from_static("Accept-Language"));
        if let Ok(language) = HeaderValue::from_str(self.catalog.language()) {
            headers.insert(header::CONTENT_LANGUAGE, language);
        }
        Ok(response)
    }

    fn render_form(
        &self,
        page: &AccountPage,
        subject: Subject<'_>,
        wrong: Option<WrongField>,
    ) -> Result<Page, TemplateError> {
        let (preview, token, email) = match subject {
            Subject::Link(preview, token) => (Some(preview), Some(token), preview.email.as_str()),
            Subject::Address(typed) => (None, None, typed),
        };
        let text = |key: &str| self.text(&format!("{}.{key}", page.section), email);
        let is_existing = page.purpose == Some(Purpose::VerifyEmail)
            && preview.is_some_and(|preview| !preview.creates_user);
        let suffix = if is_existing { "_existing" } else { "" };
        let discard = match page.purpose {
            Some(Purpose::VerifyEmail) => {
                Some(context! { text => text(&format!("discard_text{suffix}"))?, submit => text("discard")? })
            }
            _ => None,
        };
        let password = preview.and_then(|preview| page.password(preview));
        let password = password.map(|field| self.password(field)).transpose()?;
        let asks_code =
            page.purpose == Some(Purpose::ResetPassword) && wrong.is_some_and(|wrong| wrong.asks_code);
        let code = asks_code.then(|| self.code()).transpose()?;
        let form = context! {
            action => format!("{}{}", self.root, page.path),
            token,
            asks_email => page.purpose.is_none(),
            email,
            password,
            code,
            submit => text(&format!("submit{suffix}"))?,
            discard,
        };
        let error = wrong.map(|wrong| self.field_error(wrong)).transpose()?;
        let facts = preview.map(|preview| self.facts(page, preview)).transpose()?.unwrap_or_default();
        let values = context! {
            paragraphs => [text(&format!("text{suffix}"))?],
            facts,
            form,
            error,
            wrong_field => wrong.map(|wrong| wrong.field),
            next => (),
        };
        self.render(&text("title")?, values)
    }

    fn password(&self, field: PasswordField) -> Result<Value, TemplateError> {
        let (key, autocomplete) = match field {
            PasswordField::New => ("new_password", "new-password"),
            PasswordField::Current => ("current_password", "current-password"),
        };
        let (label, hint) = (self.common(key)?, self.common(&format!("{key}_hint"))?);
        Ok(context! { label, hint, autocomplete })
    }

    fn code(&self) -> Result<Value, TemplateError> {
        Ok(context! { label => self.common("code")?, hint => self.common("code_hint")? })
    }

    fn field_error(&self, wrong: WrongField) -> Result<String, TemplateError> {
        let attempts_left = wrong.attempts_left.to_string();
        self.filled(&format!("page.field.{}", wrong.text), &[("attempts_left", attempts_left.as_str())])
    }

    /// When the action was requested, and by whom. Nothing of it is text that a client chose.
    fn facts(&self, page: &AccountPage, preview: &Preview) -> Result<Vec<Value>, TemplateError> {
        let expiry = match page.purpose {
            // The factors are removed when the link expires.
            Some(Purpose::KeepFactors) => "page.keep.removal_at",
            _ => "page.expires_at",
        };
        let device = Device::of(&preview.client).to_string();
        let facts = [
            ("page.requested_at", Some(time_text(preview.requested_at))),
            ("fact.device", Some(device).filter(|device| !device.is_empty())),
            ("fact.address", preview.client.ip_address.map(|address| address.to_string())),
            (expiry, Some(time_text(preview.expires_at))),
        ];
        let shown = facts.into_iter().filter_map(|(key, value)| Some((key, value?)));
        shown.map(|(key, value)| Ok(context! { label => self.text(key, "")?, value })).collect()
    }

    fn render_done(
        &self,
        page: &AccountPage,
        result: &str,
        back: Option<&str>,
    ) -> Result<Page, TemplateError> {
        let text = |key: &str| self.text(&format!("{}.{result}_{key}", page.section), "");
        let next = match (page.purpose, back) {
            (Some(Purpose::KeepFactors), _) => Some(self.forgot()?),
            (Some(Purpose::VerifyEmail | Purpose::ResetPassword | Purpose::AcceptInvitation), Some(url))
                if result == "done" =>
            {
                Some(context! { url, label => self.common("continue")? })
            }
            _ => None,
        };
        let values = context! { paragraphs => [text("text")?], next, ..no_form() };
        self.render(&text("title")?, values)
    }

    fn render_failed(&self, page: &AccountPage, name: &str) -> Result<Page, TemplateError> {
        let text = |key: &str| self.text(&format!("page.failed.{name}_{key}"), "");
        let mut paragraphs = vec![text("text")?];
        let mut next = None;
        if name == "invalid" && page.purpose.is_some() {
            paragraphs.push(self.text(&format!("{}.invalid_text", page.section), "")?);
            if matches!(page.purpose, Some(Purpose::ResetPassword | Purpose::KeepFactors)) {
                next = Some(self.forgot()?);
            }
        }
        self.render(&text("title")?, context! { paragraphs, next, ..no_form() })
    }

    /// The link to the page that requests a password reset.
    fn forgot(&self) -> Result<Value, TemplateError> {
        let url = format!("{}{}", self.root, links::FORGOT);
        Ok(context! { url, label => self.text("page.forgot.title", "")? })
    }

    fn render(&self, title: &str, values: Value) -> Result<Page, TemplateError> {
        let view = View {
            template: "account.html",
            title,
            service: self.service,
            root: self.root,
            styles: &[pages::ACCOUNT_STYLE],
            scripts: &[],
            grants: Grants { forms: true, ..Grants::NONE },
        };
        let labels = context! { error => self.common("error")?, email => self.common("email")? };
        let values = context! { language => self.catalog.language(), labels, ..values };
        pages::render_from(self.texts.environment(), &view, values)
            .map_err(|error| TemplateError::new("account.html", format!("{error:#}")))
    }

    fn common(&self, key: &str) -> Result<String, TemplateError> {
        self.text(&format!("page.{key}"), "")
    }

    fn text(&self, key: &str, email: &str) -> Result<String, TemplateError> {
        self.filled(key, &[("service", self.service), ("email", email)])
    }

    fn filled(&self, key: &str, values: &[(&str, &str)]) -> Result<String, TemplateError> {
        let found = self.catalog.text(key, values);
        found.ok_or_else(|| TemplateError::new(self.catalog.language(), format!("has no text `{key}`")))
    }
}

/// The values of a page without a form.
fn no_form() -> Value {
    context! { facts => (), form => (), error => (), wrong_field => (), next => () }
}

/// Renders every page in every language with sample data, and so finds a broken template or text.
pub(crate) fn check(texts: &PageTexts) -> Result<(), TemplateError> {
    for catalog in texts.catalogs().all() {
        let pages = Pages { texts, catalog, service: "Sample", root: "" };
        for page in &PAGES {
            for creates_user in [true, false] {
                let preview = sample(creates_user);
                let subject = match page.purpose {
                    Some(_) => Subject::Link(&preview, "token"),
                    None => Subject::Address("ann@example"),
                };
                pages.render_form(page, subject, None)?;
                for wrong in WrongField::ALL {
                    pages.render_form(page, subject, Some(wrong))?;
                }
            }
            for name in Failed::NAMES {
                pages.render_failed(page, name)?;
            }
            pages.render_done(page, "done", None)?;
            pages.render_done(page, "done", Some("/oauth/authorize?client_id=wiki"))?;
            if page.purpose == Some(Purpose::VerifyEmail) {
                pages.render_done(page, "discarded", None)?;
                pages.render_done(page, "discarded_existing", None)?;
            }
        }
    }
    Ok(())
}

/// What a sample of a link would do.
fn sample(creates_user: bool) -> Preview {
    let requested_at = OffsetDateTime::UNIX_EPOCH + Duration::days(20_000);
    let address = "ann@example.org";
    Preview {
        email: Email::from_stored(address.to_owned(), address.to_owned()),
        creates_user,
        client: ClientInfo::new(Some([203, 0, 113, 9].into()), Some("Firefox/140 Linux")),
        requested_at,
        expires_at: requested_at + Duration::HOUR,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_pages_have_all_texts() {
        check(&PageTexts::read(None).unwrap()).unwrap();
    }

    #[tokio::test]
    async fn reset_form_asks_for_a_code() {
        let wrong = form(Purpose::ResetPassword, Some(WrongField::wrong_code(3))).await;
        assert!(wrong.contains("Attempts left: 3.") && wrong.contains("\"code-hint code-error\""), "{wrong}");
        assert!(!wrong.contains("password-error"), "{wrong}");
        let weak = WrongField::weak_password("common").and_code(true);
        let weak = form(Purpose::ResetPassword, Some(weak)).await;
        assert!(weak.contains("name=\"code\"") && weak.contains("password-error"), "{weak}");
        assert!(!weak.contains("code-error"), "{weak}");
        for (purpose, wrong) in [
            (Purpose::ResetPassword, None),
            (Purpose::AcceptInvitation, Some(WrongField::WRONG_PASSWORD.and_code(true))),
        ] {
            let page = form(purpose, wrong).await;
            assert!(!page.contains("name=\"code\""), "{page}");
        }
    }

    #[tokio::test]
    async fn finished_pages_lead_back_to_the_application() {
        let texts = PageTexts::read(None).unwrap();
        let catalog = texts.catalogs().of(None).unwrap();
        let pages = Pages { texts: &texts, catalog, service: "Sample", root: "" };
        let url = "/oauth/authorize?client_id=wiki";
        for page in &PAGES {
            for (result, back) in [("done", Some(url)), ("done", None), ("discarded", Some(url))] {
                if result == "discarded" && page.purpose != Some(Purpose::VerifyEmail) {
                    continue;
                }
                let done = pages.render_done(page, result, back).unwrap();
                let html = done.response().into_body().into_string().await.unwrap();
                let is_finished = matches!(
                    page.purpose,
                    Some(Purpose::VerifyEmail | Purpose::ResetPassword | Purpose::AcceptInvitation)
                );
                let expected = is_finished && result == "done" && back.is_some();
                assert_eq!(html.contains("authorize?client_id=wiki"), expected, "{} {result}", page.path);
            }
        }
    }

    async fn form(purpose: Purpose, wrong: Option<WrongField>) -> String {
        let texts = PageTexts::read(None).unwrap();
        let catalog = texts.catalogs().of(None).unwrap();
        let pages = Pages { texts: &texts, catalog, service: "Sample", root: "" };
        let page = PAGES.iter().find(|page| page.purpose == Some(purpose)).unwrap();
        let form = pages.render_form(page, Subject::Link(&sample(false), "token"), wrong).unwrap();
        form.response().into_body().into_string().await.unwrap()
    }
}
