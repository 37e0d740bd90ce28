use std::sync::Arc;

use inwren_domain::kernel::{ClientInfo, Locale, PlainToken};
use inwren_domain::session::{Principal, authenticate_browser};
use inwren_domain::{Core, PortFailure};
use poem::http::{HeaderName, HeaderValue, StatusCode, header};
use poem::{FromRequest as _, Request, RequestBody, Response};
use time::OffsetDateTime;

use super::Answer;
use super::cookie::{self, Jar};
use super::interaction::{form_token, is_form_token};
use super::render::Pages;
use crate::config::Operation;
use crate::http::account_pages::is_cross_site;
use crate::http::shared::body::{FormFields, read_form};
use crate::http::shared::client::Client;
use crate::http::shared::limits::{LimitSlot, slot_of};
use crate::http::shared::locale::Language;
use crate::http::shared::problem::Problem;
use crate::http::shared::state::AppState;

/// Cross-Origin-Opener-Policy (HTML Living Standard section 7.1.3).
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Why a step ends early.
pub(in crate::http) enum Stop {
    /// With this response.
    Response(Box<Response>),
    /// With the page of this problem.
    Problem(Box<Problem>),
}

impl From<Response> for Stop {
    fn from(response: Response) -> Self {
        Self::Response(Box::new(response))
    }
}

impl From<Problem> for Stop {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl From<PortFailure> for Stop {
    fn from(failure: PortFailure) -> Self {
        Problem::from(failure).into()
    }
}

/// The response of a step, or what it works with.
pub(in crate::http) type Outcome<T = Response> = Result<T, Stop>;

/// A request of a browser, and what its response changes in the browser.
pub(in crate::http) struct Visit {
    pub(in crate::http) state: Arc<AppState>,
    pub(in crate::http) client: ClientInfo,
    pub(in crate::http) jar: Jar,
    request: Request,
    language: Option<Locale>,
}

impl Visit {
    /// Reads the head of a request.
    pub(in crate::http) async fn of(request: Request) -> poem::Result<(Self, RequestBody)> {
        let (request, body) = request.split();
        let state = Arc::clone(AppState::of(&request)?);
        let mut none = RequestBody::default();
        let client = Client::from_request(&request, &mut none).await?.0;
        let language = Language::from_request(&request, &mut none).await?.0;
        let is_plain = cookie::is_plain(state.issuer.public_url(), state.environment);
        let jar = Jar::of(request.headers(), is_plain);
        Ok((Self { state, client, jar, request, language }, body))
    }

    /// Responds, with the changed cookies.
    pub(in crate::http) fn finish(self, outcome: Outcome) -> Answer {
        let mut response = match outcome {
            Ok(response) => response,
            Err(Stop::Response(response)) => *response,
            Err(Stop::Problem(problem)) => self.pages()?.problem(&problem)?,
        };
        // An application may open the login in a popup, and needs the handle of its window.
        response.headers_mut().insert(OPENER_POLICY, HeaderValue::from_static("unsafe-none"));
        self.jar.write_to(response.headers_mut());
        Ok(response)
    }

    /// The ports of the use cases.
    pub(in crate::http) fn core(&self) -> &Core {
        &self.state.core
    }

    /// The time.
    pub(in crate::http) fn now(&self) -> OffsetDateTime {
        self.core().clock.now()
    }

    /// The query of the request.
    pub(in crate::http) fn query(&self) -> &str {
        self.request.uri().query().unwrap_or_default()
    }

    /// The slot of the limiter's decisions.
    pub(in crate::http) fn slot(&self) -> LimitSlot {
        slot_of(&self.request)
    }

    /// Charges a call to the rate limit of the client's network.
    pub(in crate::http) async fn limit(&self, operation: Operation) -> Outcome<()> {
        Ok(self.state.limits.check_client(&self.request, operation).await?)
    }

    /// Charges a call to the rate limit of the user.
    pub(in crate::http) async fn limit_user(&self, operation: Operation, user: &Principal) -> Outcome<()> {
        Ok(self.state.limits.check_user(&self.request, operation, user.user().id).await?)
    }

    /// The user of the browser session, if there is a live one.
    pub(in crate::http) async fn caller(&self) -> Outcome<Option<Principal>> {
        let Some(cookie) = self.jar.session() else { return Ok(None) };
        Ok(authenticate_browser(self.core(), cookie).await.map_err(Problem::from)?)
    }

    /// Whether another site leads the browser here by a form, so that it keeps its cookies back.
    pub(in crate::http) fn lacks_cookies(&self) -> bool {
        let site = self.request.headers().get("sec-fetch-site");
        self.jar.session().is_none() && site.is_some_and(|site| site.as_bytes() == b"cross-site")
    }

    /// Reads the form of a page of this service. An unreadable form is charged to the operation.
    pub(in crate::http) async fn form(
        &self,
        body: &mut RequestBody,
        unreadable: Operation,
    ) -> Outcome<FormFields> {
        if is_cross_site(&self.request, self.state.issuer.public_url()) {
            return Err(self.pages()?.message(StatusCode::FORBIDDEN, "cross_site", None)?.into());
        }
        let form = self.any_form(body, unreadable).await?;
        if form.has_duplicates() { Err(self.malformed()?.into()) } else { Ok(form) }
    }

    /// Reads a form that may come from another site.
    pub(in crate::http) async fn any_form(
        &self,
        body: &mut RequestBody,
        unreadable: Operation,
    ) -> Outcome<FormFields> {
        match read_form(&self.request, body).await {
            Ok(Ok(form)) => Ok(form),
            Ok(Err(_)) => {
                self.limit(unreadable).await?;
                Err(self.malformed()?.into())
            }
            Err(problem) => {
                self.limit(unreadable).await?;
                Err(problem.into())
            }
        }
    }

    /// The token of the forms of account pages, bound to the browser session.
    pub(in crate::http) fn form_token(&self) -> String {
        form_token(self.core().keys.as_ref(), self.session_cookie())
    }

    /// Returns whether a form comes from an account page of this browser session.
    pub(in crate::http) fn is_own_form(&self, form: &FormFields) -> bool {
        let token = form.get("token").unwrap_or_default();
        is_form_token(self.core().keys.as_ref(), token, self.session_cookie())
    }

    fn session_cookie(&self) -> &str {
        self.jar.session().map(PlainToken::expose).unwrap_or_default()
    }

    /// The page of a request that cannot be read.
    pub(in crate::http) fn malformed(&self) -> Result<Response, Problem> {
        self.pages()?.message(StatusCode::BAD_REQUEST, "malformed", None)
    }

    /// Chooses the first known language of `ui_locales`, if there is one.
    pub(in crate::http) fn prefer_language(&mut self, ui_locales: Option<&str>) {
        let catalogs = self.state.page_texts.catalogs();
        let is_known = |locale: &Locale| {
            let found = catalogs.of(Some(locale));
            let is =
                |catalog: &str| catalog.eq_ignore_ascii_case(locale.as_str()) || catalog == locale.language();
            found.is_some_and(|catalog| is(catalog.language()))
        };
        let tags = ui_locales.unwrap_or_default().split_ascii_whitespace();
        let known = tags.filter_map(Locale::parse).find(is_known);
        self.language = known.or(self.language.take());
    }

    /// The language of the user, if the request has one.
    pub(in crate::http) fn language(&self) -> Option<&Locale> {
        self.language.as_ref()
    }

    /// The pages in the language of the user.
    pub(in crate::http) fn pages(&self) -> Result<Pages<'_>, Problem> {
        Pages::of(&self.state, self.language.as_ref())
    }

    /// Leads the browser to another page of this service.
    pub(in crate::http) fn see_own(&self, path: &str) -> Outcome {
        see_other(&self.state.issuer.at(path))
    }
}

/// Leads the browser to a URL by `GET` (RFC 9110 section 15.4.4).
pub(in crate::http) fn see_other(url: &str) -> Outcome {
    let url = HeaderValue::from_str(url).map_err(Problem::internal)?;
    Ok(Response::builder().status(StatusCode::SEE_OTHER).header(header::LOCATION, url).finish())
}

/// Says in the log that cookies go over plain HTTP.
pub(in crate::http) fn announce_cookie(state: &AppState) {
    if cookie::is_plain(state.issuer.public_url(), state.environment) {
        tracing::info!("browser cookies have no `Secure`, because the public URL begins with `http:`");
    }
}
