use std::sync::{Arc, Mutex};
use std::time::Duration;

use inwren_domain::outbound::{Outbound as _, OutboundError};
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::crypto::aws_lc_rs;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;
use tokio_rustls::rustls::{RootCertStore, ServerConfig};

use super::client::HttpOutbound;

const LOOPBACK: [&str; 2] = ["127.0.0.0/8", "::1/128"];
const FORM: [(&str, &str); 2] = [("logout_token", "a.b-c_d"), ("x", "ä &")];

/// A server that gives the same response to all requests.
struct Server {
    port: u16,
    /// The requests, as they arrived. A connection that is open has one, even if nothing arrived.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(response: Vec<u8>, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&requests);
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                received.lock().unwrap().push(String::new());
                match &tls {
                    None => serve(stream, &response, &received).await,
                    Some(tls) => {
                        if let Ok(stream) = tls.accept(stream).await {
                            serve(stream, &response, &received).await;
                        }
                    }
                }
            }
        });
        Self { port, requests }
    }

    async fn answering(response: &str) -> Self {
        Self::start(response.as_bytes().to_vec(), None).await
    }

    fn url(&self, host: &str) -> String {
        format!("http://{host}:{}/logout?x=1", self.port)
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

/// Reads a request, and sends the response. Without a response it leaves the client waiting.
async fn serve(
    mut stream: impl AsyncRead + AsyncWrite + Unpin,
    response: &[u8],
    received: &Mutex<Vec<String>>,
) {
    let mut request = Vec::new();
    // The name of the last field is in the body only.
    while !request.windows(3).any(|part| part == b"&x=") {
        let mut part = [0; 1_024];
        match stream.read(&mut part).await {
            Ok(0) | Err(_) => return,
            Ok(length) => request.extend_from_slice(&part[..length]),
        }
    }
    if let Some(last) = received.lock().unwrap().last_mut() {
        *last = String::from_utf8(request).unwrap();
    }
    if response.is_empty() {
        tokio::time::sleep(Duration::from_secs(60)).await;
    }
    let _ = stream.write_all(response).await;
    let _ = stream.shutdown().await;
}

/// Accepts a connection, and reads the beginning of its request.
async fn accepted(listener: &TcpListener) -> TcpStream {
    let (mut stream, _) = listener.accept().await.unwrap();
    assert!(stream.read(&mut [0; 4_096]).await.unwrap() > 0);
    stream
}

fn outbound(allowed: &[&str]) -> HttpOutbound {
    HttpOutbound::new(allowed.iter().map(|network| network.parse().unwrap()).collect())
}

async fn post(outbound: &HttpOutbound, url: &str) -> Result<u16, OutboundError> {
    outbound.post_form(url, &FORM).await
}

#[tokio::test]
async fn a_form_is_sent_and_its_status_returned() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await;
    assert_eq!(post(&outbound(&LOOPBACK), &server.url("127.0.0.1")).await, Ok(200));
    let requests = server.requests();
    let (head, body) = requests[0].split_once("\r\n\r\n").unwrap();
    assert_eq!(body, "logout_token=a.b-c_d&x=%C3%A4%20%26");
    let mut lines = head.lines();
    assert_eq!(lines.next(), Some("POST /logout?x=1 HTTP/1.1"));
    let lines: Vec<String> = lines.map(str::to_ascii_lowercase).collect();
    for line in [
        format!("host: 127.0.0.1:{}", server.port).as_str(),
        "content-type: application/x-www-form-urlencoded",
        format!("content-length: {}", body.len()).as_str(),
        "connection: close",
    ] {
        assert!(lines.iter().any(|known| known == line), "{line} is not in {head}");
    }
}

#[tokio::test]
async fn the_host_header_is_the_host_of_the_url() {
    let server = Server::answering("HTTP/1.1 204 No Content\r\n\r\n").await;
    assert_eq!(post(&outbound(&LOOPBACK), &server.url("localhost")).await, Ok(204));
    let request = server.requests()[0].to_ascii_lowercase();
    assert!(request.contains(&format!("\r\nhost: localhost:{}\r\n", server.port)), "{request}");
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let other = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for status in [301, 302, 303, 307, 308] {
        let location = other.url("127.0.0.1");
        let response =
            format!("HTTP/1.1 {status} Moved\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
        let server = Server::answering(&response).await;
        assert_eq!(post(&outbound(&LOOPBACK), &server.url("127.0.0.1")).await, Ok(status));
        assert_eq!(server.requests().len(), 1);
    }
    assert!(other.requests().is_empty());
}

#[tokio::test]
async fn slow_responses_end_in_time() {
    let silent = Server::answering("").await;
    let mut outbound = outbound(&LOOPBACK);
    outbound.timeouts.whole = Duration::from_millis(200);
    let error = post(&outbound, &silent.url("127.0.0.1")).await.unwrap_err();
    assert_eq!(error.0, "127.0.0.1: no response within 200ms");
    // The status has arrived, and the body never does.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let server = async {
        let mut stream = accepted(&listener).await;
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n").await.unwrap();
        tokio::time::sleep(Duration::from_secs(60)).await;
    };
    tokio::select! {
        () = server => panic!("the client still waits"),
        answered = post(&outbound, &url) => assert_eq!(answered, Ok(200)),
    }
}

#[tokio::test]
async fn connections_end_in_time() {
    let mut outbound = outbound(&LOOPBACK);
    outbound.timeouts.connection = Duration::from_millis(200);
    // The server accepts the connection and says nothing, so that TLS is never agreed on.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let error = post(&outbound, &url).await.unwrap_err();
    let in_time = error.0 == "127.0.0.1: no connection within 200ms";
    assert!(in_time || error.0.contains("no certificate authorities"), "{error}");
}

#[tokio::test]
async fn huge_responses_are_cut_off() {
    let head = "HTTP/1.1 200 OK\r\ncontent-length: 100000000\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let sending = tokio::spawn(async move {
        let mut stream = accepted(&listener).await;
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&vec![0; 100_000_000]).await
    });
    assert_eq!(post(&outbound(&LOOPBACK), &url).await, Ok(200));
    assert!(sending.await.unwrap().is_err(), "the client has read the whole response");
    // Headers count, too.
    let huge = format!("HTTP/1.1 200 OK\r\nx: {}\r\ncontent-length: 0\r\n\r\n", "a".repeat(70_000));
    let server = Server::answering(&huge).await;
    assert!(post(&outbound(&LOOPBACK), &server.url("127.0.0.1")).await.is_err());
}

#[tokio::test]
async fn addresses_that_are_not_public_are_refused() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    for host in
        ["localhost", "127.0.0.1", "127.1", "2130706433", "0x7f000001", "[::ffff:127.0.0.1]", "0.0.0.0"]
    {
        for scheme in ["http", "https"] {
            let url = format!("{scheme}://{host}:{}/", server.port);
            for allowed in [Vec::new(), vec!["10.0.0.0/8"]] {
                let refused = post(&outbound(&allowed), &url).await;
                assert!(refused.is_err(), "{url}: {refused:?}");
            }
        }
    }
    assert!(server.requests().is_empty());
    for url in
        ["https://10.0.0.1/", "https://169.254.169.254/", "https://[::1]/", "https://[64:ff9b::7f00:1]/"]
    {
        let error = post(&outbound(&["127.0.0.0/8"]), url).await.unwrap_err();
        assert!(error.0.ends_with("has no address that is public or in OUTBOUND_ALLOW"), "{url}: {error}");
    }
}

#[tokio::test]
async fn http_is_refused_at_public_addresses() {
    for url in ["http://8.8.8.8/", "http://[2606:4700:4700::1111]/"] {
        let error = post(&outbound(&LOOPBACK), url).await.unwrap_err();
        assert!(error.0.ends_with("http is only for those"), "{url}: {error}");
    }
}

#[tokio::test]
async fn mapped_addresses_are_compared_as_ipv4() {
    let server = Server::answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
    let url = server.url("[::ffff:127.0.0.1]");
    assert_eq!(post(&outbound(&["127.0.0.0/8"]), &url).await, Ok(200));
}

#[tokio::test]
async fn failures_name_the_host_and_the_reason() {
    let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let error = post(&outbound(&LOOPBACK), &format!("http://localhost:{closed}/")).await.unwrap_err();
    assert!(error.0.starts_with("localhost: ") && !error.0.contains("127.0.0.1"), "{error}");
    let error = post(&outbound(&LOOPBACK), "https://ann:secret@localhost/").await.unwrap_err();
    assert_eq!(error.0, "the URL has a user name or password");
}

#[tokio::test]
async fn certificates_are_verified() {
    let CertifiedKey { cert, signing_key } = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(signing_key.serialize_der().into());
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let response = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n".to_vec();
    let server = Server::start(response, Some(TlsAcceptor::from(Arc::new(config)))).await;
    let url = |host: &str| server.url(host).replace("http:", "https:");
    let trusting = |certificate: &rcgen::Certificate| {
        let mut roots = RootCertStore::empty();
        roots.add(certificate.der().clone()).unwrap();
        HttpOutbound::trusting(LOOPBACK.iter().map(|network| network.parse().unwrap()).collect(), roots)
    };
    assert_eq!(post(&trusting(&cert), &url("localhost")).await, Ok(200));
    // Another name, and another authority.
    let other = generate_simple_self_signed(["localhost".to_owned()]).unwrap().cert;
    for (trusted, host) in [(&cert, "127.0.0.1"), (&other, "localhost")] {
        let error = post(&trusting(trusted), &url(host)).await.unwrap_err();
        assert!(error.0.starts_with(&format!("{host}: TLS: ")), "{error}");
    }
}
