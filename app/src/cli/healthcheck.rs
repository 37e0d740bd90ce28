use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{
    AsyncBufReadExt as _, AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, BufReader,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::error::{Failed, Outcome};
use crate::config::Config;
use crate::runtime::banner::reachable;
use crate::runtime::server::proxy_protocol;
use crate::tls;

const MAX_WAIT: Duration = Duration::from_secs(5);

/// Asks the service at HOST and PORT whether it is ready, over TLS if the service uses TLS.
pub(super) async fn run(config: &Config) -> Outcome {
    let address = reachable(config.listen);
    let answer = tokio::time::timeout(MAX_WAIT, ask(config, address)).await;
    match answer {
        Ok(Ok(status)) if status.contains(" 200 ") => Ok(()),
        Ok(Ok(status)) => Err(Failed::Reason(format!("{address} is not ready: {}", status.trim()))),
        Ok(Err(error)) => Err(Failed::Reason(format!("{address} cannot be reached: {error}"))),
        Err(_) => Err(Failed::Reason(format!("{address} does not respond"))),
    }
}

/// Sends the request and returns the status line of the response.
async fn ask(config: &Config, address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let own = stream.local_addr()?.ip().to_canonical();
    if config.proxy_protocol && config.trusted_proxies.iter().any(|network| network.contains(&own)) {
        stream.write_all(&proxy_protocol::LOCAL).await?;
    }
    if config.tls.is_none() {
        return speak(stream, address).await;
    }
    let client = tls::trusting_client().map_err(io::Error::other)?;
    let stream = TlsConnector::from(Arc::new(client)).connect(address.ip().into(), stream).await?;
    speak(stream, address).await
}

async fn speak(mut stream: impl AsyncRead + AsyncWrite + Unpin, address: SocketAddr) -> io::Result<String> {
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    stream.flush().await?;
    let mut status = Vec::new();
    BufReader::new(stream.take(4_096)).read_until(b'\n', &mut status).await?;
    Ok(String::from_utf8_lossy(&status).into_owned())
}
