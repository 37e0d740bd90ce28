//! The OpenAPI document and the pages that show it. The binary contains all of it.

mod answers;
mod examples;
mod intro;
mod schemas;
mod settings;
mod text;
mod viewers;

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use poem::endpoint::{BoxEndpoint, make_sync};
use poem::http::{HeaderValue, Method, header};
use poem::{Endpoint, EndpointExt, IntoEndpoint, IntoResponse, Response, Route, get};
use poem_openapi::registry::{self, Registry};
use poem_openapi::{LicenseObject, OpenApi, OpenApiService};
use serde_json::Value;

use super::issuer::Issuer;
use super::problem::Problem;
use super::problem_pages;
use super::state::AppState;
use crate::http::account::{AccountApi, LettersApi, LostFactorApi, RegistrationApi};
use crate::http::account_pages::{self, AccountPage};
use crate::http::admin::AdminApi;
use crate::http::audit::{ActivityApi, AuditApi};
use crate::http::authn::{LoginApi, PasskeyLoginApi, StepUpApi};
use crate::http::client::{OAuthApi, TokensApi};
use crate::http::client_admin::ClientsApi;
use crate::http::credential::CredentialApi;
use crate::http::dev_letters;
use crate::http::ephemeral_page;
use crate::http::factor::FactorsApi;
use crate::http::factor_pages;
use crate::http::health::HealthApi;
use crate::http::outbox::OutboxApi;
use crate::http::provider::{GrantsApi, ProviderApi};
use crate::http::provider_pages::{self, ProviderPage};
use crate::http::session::{RefreshApi, SessionsApi};
use crate::http::well_known::WellKnownApi;
use crate::observability::metrics::{CountedOperation, OperationIndex};
use crate::pages::Page;

pub use settings::Served;

/// Nested, because the library combines at most 16.
type Apis = (AuthenticationApis, UserApis, ServiceApis);

type AuthenticationApis = (
    RegistrationApi,
    LettersApi,
    LostFactorApi,
    LoginApi,
    PasskeyLoginApi,
    StepUpApi,
    RefreshApi,
    OAuthApi,
    TokensApi,
    ProviderApi,
);

type UserApis = (AccountApi, CredentialApi, FactorsApi, SessionsApi, ActivityApi, GrantsApi);

type ServiceApis = (AdminApi, ClientsApi, OutboxApi, AuditApi, WellKnownApi, HealthApi);

/// Builds the endpoint of all operations of the service.
pub(in crate::http) fn service(state: &Arc<AppState>) -> BoxEndpoint<'static, Response> {
    let authentication: AuthenticationApis = (
        RegistrationApi(Arc::clone(state)),
        LettersApi(Arc::clone(state)),
        LostFactorApi(Arc::clone(state)),
        LoginApi(Arc::clone(state)),
        PasskeyLoginApi(Arc::clone(state)),
        StepUpApi(Arc::clone(state)),
        RefreshApi(Arc::clone(state)),
        OAuthApi(Arc::clone(state)),
        TokensApi(Arc::clone(state)),
        ProviderApi(Arc::clone(state)),
    );
    let user: UserApis = (
        AccountApi(Arc::clone(state)),
        CredentialApi(Arc::clone(state)),
        FactorsApi(Arc::clone(state)),
        SessionsApi(Arc::clone(state)),
        ActivityApi(Arc::clone(state)),
        GrantsApi(Arc::clone(state)),
    );
    let service: ServiceApis = (
        AdminApi(Arc::clone(state)),
        ClientsApi(Arc::clone(state)),
        OutboxApi(Arc::clone(state)),
        AuditApi(Arc::clone(state)),
        WellKnownApi(Arc::clone(state)),
        HealthApi(Arc::clone(state)),
    );
    let apis: Apis = (authentication, user, service);
    OpenApiService::new(apis, state.project_name.clone(), env!("CARGO_PKG_VERSION")).into_endpoint()
}

/// The operations for the document. It serves no requests, so it needs no state.
struct Described;

impl OpenApi for Described {
    fn meta() -> Vec<registry::MetaApi> {
        Apis::meta()
    }

    fn register(registry: &mut Registry) {
        Apis::register(registry);
    }

    fn add_routes(self, _: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {}
}

fn described(project_name: &str) -> OpenApiService<Described, ()> {
    OpenApiService::new(Described, project_name, env!("CARGO_PKG_VERSION"))
        .description(intro::DESCRIPTION)
        .license(LicenseObject::new("MIT"))
}

/// Returns the document that the service serves, the command line prints and the repository contains: the library's
/// output, completed with what the library cannot express, and without what the settings rule out.
pub fn document(project_name: &str, issuer: &Issuer, served: Served<'_>) -> String {
    let Ok(mut document) = serde_json::from_str::<Value>(&described(project_name).spec()) else {
        return String::new();
    };
    intro::complete(&mut document, issuer);
    schemas::complete(&mut document, &served.settings.tiers);
    settings::complete(&mut document, served);
    examples::complete(&mut document);
    answers::complete(&mut document);
    text::unwrap(&mut document["paths"]);
    text::unwrap(&mut document["components"]);
    let mut text = serde_json::to_string_pretty(&document).unwrap_or_default();
    text.push('\n');
    text
}

/// Returns the operations of all paths of a document.
fn operations(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    paths.flat_map(|(_, path)| path.as_object_mut().into_iter().flatten().map(|(_, operation)| operation))
}

/// Returns the parameters of an operation.
fn parameters(operation: &mut Value) -> impl Iterator<Item = &mut Value> {
    operation.get_mut("parameters").and_then(Value::as_array_mut).into_iter().flatten()
}

/// Returns the fields of a schema, with their names.
fn properties(schema: &mut Value) -> impl Iterator<Item = (&String, &mut Value)> {
    schema.get_mut("properties").and_then(Value::as_object_mut).into_iter().flatten()
}

/// The paths of the service, with the methods of each.
pub(in crate::http) struct RouteTable {
    routes: Vec<KnownRoute>,
    /// The index of each path without placeholders in `routes`. Most requests match one of these.
    paths: HashMap<String, usize>,
    /// Alternative paths, each with the path that it stands for.
    aliases: HashMap<String, &'static str>,
    operations: Vec<CountedOperation>,
}

/// A path or a path template.
pub(in crate::http) struct KnownRoute {
    template: String,
    /// The value of `Allow` (RFC 9110 section 10.2.1).
    allow: HeaderValue,
    operations: Vec<(Method, OperationIndex)>,
    is_page: bool,
}

/// The pages that are not in the document, with their operation names in the metrics.
const PAGES: [(&str, &str); 3] =
    [("/openapi.json", "get_openapi_document"), ("/docs", "get_swagger_ui"), ("/redoc", "get_redoc")];

impl RouteTable {
    pub(in crate::http) fn of(document: &str) -> Self {
        let document: Value = serde_json::from_str(document).unwrap_or_default();
        let nothing = CountedOperation { name: NO_OPERATION.to_owned(), statuses: vec![404, 405] };
        let mut table = Self {
            routes: Vec::new(),
            paths: HashMap::new(),
            aliases: HashMap::new(),
            operations: vec![nothing],
        };
        for (path, operations) in document["paths"].as_object().into_iter().flatten() {
            let operations = operations.as_object().into_iter().flatten();
            let operations = operations.map(|(method, about)| (method.to_uppercase(), counted(about)));
            table.add(path, operations.collect(), false);
        }
        for (page, name) in PAGES.into_iter().chain(problem_pages::PAGES) {
            let about = CountedOperation { name: name.to_owned(), statuses: vec![200] };
            table.add(page, vec![("GET".to_owned(), about)], true);
        }
        for AccountPage { path, shown, submitted, .. } in &account_pages::PAGES {
            let about = |name: &str, statuses: &[u16]| CountedOperation {
                name: name.to_owned(),
                statuses: statuses.to_vec(),
            };
            let methods = vec![
                ("GET".to_owned(), about(shown, &[200, 400])),
                ("POST".to_owned(), about(submitted, &[200, 400, 403, 409, 422, 429])),
            ];
            table.add(path, methods, true);
        }
        let pages = provider_pages::PAGES.iter().chain(&factor_pages::PAGES);
        for ProviderPage { path, shown, submitted } in pages {
            let about = |(name, statuses): &(&str, &[u16])| CountedOperation {
                name: (*name).to_owned(),
                statuses: statuses.to_vec(),
            };
            let methods = vec![("GET".to_owned(), about(shown)), ("POST".to_owned(), about(submitted))];
            table.add(path, methods, true);
        }
        table
    }

    /// Adds the pages that exist in development only.
    pub(in crate::http) fn with_development_pages(mut self) -> Self {
        for (page, name) in dev_letters::PAGES {
            let about = CountedOperation { name: name.to_owned(), statuses: vec![200] };
            self.add(page, vec![("GET".to_owned(), about)], true);
        }
        self
    }

    /// Adds the page that only an ephemeral service has.
    pub(in crate::http) fn with_ephemeral_page(mut self) -> Self {
        let (page, name) = ephemeral_page::PAGE;
        let about = CountedOperation { name: name.to_owned(), statuses: vec![200] };
        self.add(page, vec![("GET".to_owned(), about)], true);
        self
    }

    fn add(&mut self, template: &str, operations: Vec<(String, CountedOperation)>, is_page: bool) {
        let methods = operations.iter().map(|(method, _)| method.clone()).collect();
        let first = self.operations.len();
        let known = operations
            .iter()
            .enumerate()
            .filter_map(|(place, (method, _))| Some((method.parse().ok()?, OperationIndex(first + place))));
        let route = KnownRoute { operations: known.collect(), is_page, ..KnownRoute::new(template, methods) };
        if !template.contains('{') {
            self.paths.insert(template.to_owned(), self.routes.len());
        }
        self.routes.push(route);
        self.operations.extend(operations.into_iter().map(|(_, about)| about));
    }

    /// Adds the metadata paths that clients use for an issuer with a path: they insert the well-known path between host
    /// and path of the issuer (RFC 8414 section 3.1, and section 5 for OpenID Connect).
    pub(in crate::http) fn with_metadata_of(mut self, issuer: &Issuer) -> Self {
        if !issuer.name_path().is_empty() {
            self.aliases =
                METADATA.into_iter().map(|path| (format!("{path}{}", issuer.name_path()), path)).collect();
        }
        self
    }

    /// Returns the path that this alternative path stands for.
    pub(in crate::http) fn original(&self, path: &str) -> Option<&'static str> {
        self.aliases.get(path).copied()
    }

    /// Returns the route that matches a path.
    pub(in crate::http) fn find(&self, path: &str) -> Option<&KnownRoute> {
        let path = self.original(path).unwrap_or(path);
        match self.paths.get(path) {
            Some(place) => self.routes.get(*place),
            None => self.routes.iter().find(|route| route.fits(path)),
        }
    }

    /// Returns the operations for the metrics. The first one, `none`, counts requests without a matching route or
    /// method.
    pub(in crate::http) fn operations(&self) -> &[CountedOperation] {
        &self.operations
    }
}

/// The metadata documents of an issuer.
const METADATA: [&str; 2] = ["/.well-known/oauth-authorization-server", "/.well-known/openid-configuration"];

const NO_OPERATION: &str = "none";

/// Returns the metrics entry of an operation of the document.
fn counted(about: &Value) -> CountedOperation {
    let statuses = about["responses"].as_object().into_iter().flatten();
    CountedOperation {
        name: about["operationId"].as_str().unwrap_or(NO_OPERATION).to_owned(),
        statuses: statuses.filter_map(|(status, _)| status.parse().ok()).collect(),
    }
}

impl KnownRoute {
    /// Returns the value of `Allow` for the path.
    pub(in crate::http) fn allow(&self) -> HeaderValue {
        self.allow.clone()
    }

    /// Returns the path template, which contains no client input.
    pub(in crate::http) fn template(&self) -> &str {
        &self.template
    }

    /// Returns whether this is a page that is not an operation of the document.
    pub(in crate::http) fn is_page(&self) -> bool {
        self.is_page
    }

    /// Returns the operation of a method. The response to `HEAD` is that to `GET` without its body.
    pub(in crate::http) fn operation(&self, method: &Method) -> OperationIndex {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let known = self.operations.iter().find(|(known, _)| known == method);
        known.map_or(OperationIndex::NONE, |(_, operation)| *operation)
    }

    fn fits(&self, path: &str) -> bool {
        let mut asked = segments(path);
        let parts_fit = segments(&self.template)
            .all(|part| asked.next().is_some_and(|asked| part == asked || is_filled(part, asked)));
        parts_fit && asked.next().is_none()
    }

    fn new(template: &str, mut methods: Vec<String>) -> Self {
        if methods.iter().any(|method| method == "GET") {
            methods.push("HEAD".to_owned());
        }
        methods.push("OPTIONS".to_owned());
        let allow = HeaderValue::from_str(&methods.join(", ")).unwrap_or(HeaderValue::from_static("GET"));
        Self { template: template.to_owned(), allow, operations: Vec::new(), is_page: false }
    }
}

/// Splits a path into segments. Empty segments count: a path with a trailing slash is a different path, which matches
/// no route.
fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

/// Returns whether the segment of the template is a placeholder that the value fills.
fn is_filled(placeholder: &str, value: &str) -> bool {
    placeholder.starts_with('{') && !value.is_empty()
}

/// Adds `/openapi.json`, `/docs` and `/redoc`.
pub(in crate::http) fn routes(route: Route, project_name: &str, issuer: &Issuer, document: String) -> Route {
    let document = Bytes::from(document);
    let swagger_ui =
        viewer(project_name, issuer, &document, OpenApiService::swagger_ui_html, viewers::swagger_ui);
    let redoc = viewer(project_name, issuer, &document, OpenApiService::redoc_html, viewers::redoc);
    let json = make_sync(move |_| {
        Response::builder()
            .content_type("application/json")
            .header(header::CACHE_CONTROL, "no-cache")
            .body(document.clone())
    });
    route.at("/openapi.json", get(json)).at("/docs", get(swagger_ui)).at("/redoc", get(redoc))
}

/// Serves a page that shows the document. It is rendered on the first request: it contains megabytes of script, which
/// would delay startup, and most instances never show it.
fn viewer(
    project_name: &str,
    issuer: &Issuer,
    document: &Bytes,
    library: fn(&OpenApiService<Described, ()>) -> String,
    render: fn(&str, &str, &str, &str) -> Result<Page, minijinja::Error>,
) -> impl Endpoint<Output = Response> + 'static {
    let (project_name, document, root) = (project_name.to_owned(), document.clone(), issuer.at("/"));
    let rendered = OnceLock::new();
    make_sync(move |_| {
        let rendered = rendered.get_or_init(|| {
            let library = library(&described(&project_name));
            render(&library, &project_name, &root, &String::from_utf8_lossy(&document))
                .map_err(|error| error.to_string())
        });
        match rendered {
            Ok(page) => page.response().with_header(header::CACHE_CONTROL, "no-cache").into_response(),
            Err(error) => Problem::internal(error).into_response(),
        }
    })
    .map_to_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_methods_of_a_path_are_those_of_the_document() {
        let document = r#"{"paths": {"/users/{id}": {"get": {}, "put": {}}, "/": {"get": {}}, "/auth/login": {"post": {}}}}"#;
        let routes = RouteTable::of(document);
        let allow = |path: &str| routes.find(path).map(KnownRoute::allow).unwrap();
        assert_eq!(allow("/users/42"), "GET, PUT, HEAD, OPTIONS");
        assert_eq!(allow("/auth/login"), "POST, OPTIONS");
        assert_eq!(allow("/login"), "GET, POST, HEAD, OPTIONS");
        assert_eq!(allow("/"), "GET, HEAD, OPTIONS");
        assert_eq!(allow("/docs"), "GET, HEAD, OPTIONS");
        let template = |path: &str| routes.find(path).map(KnownRoute::template);
        assert_eq!(template("/users/42"), Some("/users/{id}"));
        assert_eq!(template("/users/42/secret"), None);
    }

    #[test]
    fn a_request_is_counted_by_its_operation() {
        let document = r#"{"paths": {"/users/{id}": {
            "get": {"operationId": "look", "responses": {"200": {}, "404": {}}},
            "put": {"operationId": "change", "responses": {"200": {}}}
        }}}"#;
        let routes = RouteTable::of(document);
        let counted = |path: &str, method: Method| {
            let operation = routes.find(path).map_or(OperationIndex::NONE, |route| route.operation(&method));
            routes.operations()[operation.0].name.clone()
        };
        assert_eq!(counted("/users/42", Method::GET), "look");
        assert_eq!(counted("/users/42", Method::HEAD), "look");
        assert_eq!(counted("/users/42", Method::PUT), "change");
        assert_eq!(counted("/users/42", Method::DELETE), "none");
        assert_eq!(counted("/nowhere", Method::GET), "none");
        assert_eq!(counted("/docs", Method::GET), "get_swagger_ui");
        assert_eq!(routes.operations()[1].statuses, [200, 404]);
    }
}
