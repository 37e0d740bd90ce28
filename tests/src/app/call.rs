use std::net::{IpAddr, SocketAddr};

use base64::Engine as _;
use futures_util::stream;
use poem::http::uri::Scheme;
use poem::http::{self, HeaderName, HeaderValue, Method, Uri};
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Body, Endpoint, Request, RequestParts};
use serde_json::Value;

use super::{Reply, TestApp};

/// A request under construction.
pub struct Call<'a> {
    app: &'a TestApp,
    method: Method,
    uri: Uri,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Body,
    from: IpAddr,
    scheme: Scheme,
    /// `None` if the test does not state it.
    is_over_tls: Option<bool>,
}

impl<'a> Call<'a> {
    pub(super) fn new(app: &'a TestApp, method: &str, path: &str) -> Self {
        Self {
            app,
            method: method.parse().expect("a method"),
            uri: path.parse().expect("a path"),
            headers: Vec::new(),
            body: Body::empty(),
            from: [192, 0, 2, 1].into(),
            scheme: Scheme::HTTP,
            is_over_tls: Some(false),
        }
    }

    /// Adds a header and keeps others of the same name.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl AsRef<[u8]>) -> Self {
        let value = HeaderValue::from_bytes(value.as_ref()).expect("a header value");
        self.headers.push((name.parse().expect("a header name"), value));
        self
    }

    /// Adds an access token.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", format!("Bearer {token}"))
    }

    /// Sets the address of the peer.
    #[must_use]
    pub fn from(mut self, address: &str) -> Self {
        self.from = address.parse().expect("an address");
        self
    }

    /// Sends the request over TLS that the service terminates itself.
    #[must_use]
    pub fn over_tls(mut self) -> Self {
        self.scheme = Scheme::HTTPS;
        self.behind_tls(true)
    }

    /// Expects the response for a client with TLS or without it, independently of this connection.
    #[must_use]
    pub fn behind_tls(mut self, is_over_tls: bool) -> Self {
        self.is_over_tls = Some(is_over_tls);
        self
    }

    /// Accepts the response for clients with TLS and without, because the headers may state either transport.
    #[must_use]
    pub fn over_anything(mut self) -> Self {
        self.is_over_tls = None;
        self
    }

    /// Sets a JSON body.
    #[must_use]
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Sets a form as the body.
    #[must_use]
    pub fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = serde_urlencoded::to_string(fields).expect("a form");
        self.body("application/x-www-form-urlencoded", body)
    }

    /// Sets a body of this media type.
    #[must_use]
    pub fn body(self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        let mut call = self.header("content-type", media_type);
        call.body = Body::from_vec(body.into());
        call
    }

    /// Sets a JSON body that arrives in pieces, without a declared length.
    #[must_use]
    pub fn stream(self, pieces: Vec<Vec<u8>>) -> Self {
        let mut call = self.header("content-type", "application/json");
        let pieces = pieces.into_iter().map(Ok::<_, std::io::Error>);
        call.body = Body::from_bytes_stream(stream::iter(pieces));
        call
    }

    /// Adds a user name and a password as HTTP Basic credentials.
    #[must_use]
    pub fn basic(self, user: &str, password: &str) -> Self {
        let credentials = base64::engine::general_purpose::STANDARD.encode(format!("{user}:{password}"));
        self.header("authorization", format!("Basic {credentials}"))
    }

    /// Sends the request. Checks the response against the rules for all responses and against the OpenAPI document.
    pub async fn send(self) -> Reply {
        let Self { app, method, uri, headers, body, from, scheme, is_over_tls } = self;
        let request = http::Request::builder().method(method.clone()).uri(uri.clone());
        let (mut parts, ()) = request.body(()).expect("a request").into_parts();
        for (name, value) in headers {
            parts.headers.append(name, value);
        }
        let peer = RemoteAddr(Addr::SocketAddr(SocketAddr::new(from, 40_000)));
        let parts = RequestParts::from((parts, LocalAddr::default(), peer, scheme));
        let response = app.endpoint.get_response(Request::from_parts(parts, body)).await;
        let reply = Reply::read(&method, &uri, response).await;
        reply.check(is_over_tls);
        app.contract.check(&reply);
        reply
    }
}
