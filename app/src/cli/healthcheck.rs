use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::{Failed, Outcome};
use crate::config::Config;

const MAX_WAIT: Duration = Duration::from_secs(5);

/// Asks the service at HOST and PORT whether it is ready.
pub(super) async fn run(config: &Config) -> Outcome {
    let address = reachable(config.listen);
    let answer = tokio::time::timeout(MAX_WAIT, ask(address)).await;
    match answer {
        Ok(Ok(status)) if status.contains(" 200 ") => Ok(()),
        Ok(Ok(status)) => Err(Failed::Failed(format!("{address} is not ready: {}", status.trim()))),
        Ok(Err(error)) => Err(Failed::Failed(format!("{address} cannot be asked: {error}"))),
        Err(_) => Err(Failed::Failed(format!("{address} does not answer"))),
    }
}

/// Where a service that listens on every address can be reached from here.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// The status line of the answer.
async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET /health HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(4_096).read_to_end(&mut answer).await?;
    let text = String::from_utf8_lossy(&answer);
    Ok(text.lines().next().unwrap_or_default().to_owned())
}
