//! The accept loop. It bounds connections in number and in time, and lets requests in flight finish at shutdown.

pub(crate) mod bad_head;
pub mod connections;
mod header_size;
mod host;
mod linger;
pub mod proxy_protocol;
mod transport;
mod unread_body;
mod write_timeout;

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures_util::future::{AbortRegistration, Abortable};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use poem::endpoint::BoxEndpoint;
use poem::http::uri::Scheme;
use poem::web::{LocalAddr, RemoteAddr};
use poem::{Addr, Endpoint, Request, Response};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::task::JoinSet;

pub use connections::Connections;
use connections::Slot;
use header_size::MAX_HEADER_BYTES;
use linger::linger;
pub use transport::Transport;
use transport::{Opened, Stream};
use unread_body::UnreadBody;
use write_timeout::WriteTimeout;

/// How long a client may take to send its headers, and how long it may wait between two requests.
pub const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// The read buffer for headers. It exceeds the limit, so that a client that sends somewhat too much gets a problem
/// document. Beyond the buffer, the parser answers.
const MAX_READ_AHEAD: usize = 2 * MAX_HEADER_BYTES;
/// The pause after a failed accept, usually because file descriptors have run out. Retrying immediately would only
/// waste CPU.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);
/// The minimum time of the idle drain: idle connections stay open for so long at shutdown, so that a request that is
/// already on its way is still served. Every response closes its connection from then on.
const IDLE_DRAIN: Duration = Duration::from_millis(500);
/// The minimum time that idle connections stay open after the last accept, for the requests of late connections.
const LATE_CONNECTIONS: Duration = Duration::from_millis(250);
/// After the listener is closed: how long a client may take to finish its headers or to accept its response. Such
/// clients must not use up the grace period of requests in flight.
const LAST_BYTES: Duration = Duration::from_secs(1);

/// How long clients wait in the backlog before the interim server answers them. Most startups finish earlier, so no
/// client is turned away.
const SOON: Duration = Duration::from_millis(500);

/// Options of the server.
#[derive(Clone)]
pub struct ServerOptions {
    /// The connection limit, and the choice of connections to close for new ones.
    pub connections: Arc<Connections>,
    /// How long a client may take to send its headers, and how long it may wait between two requests.
    pub header_timeout: Duration,
    /// How long a shutdown keeps accepting connections, so that health checks see that the service is stopping.
    pub shutdown_notice: Duration,
    /// How long a shutdown takes at most, including the notice.
    pub shutdown_grace: Duration,
    /// How connections start.
    pub transport: Transport,
}

/// Serves until `stop` completes, and then lets requests in flight finish. `true` if everything finished within the
/// grace period.
///
/// A shutdown has three steps. During the notice, the server still accepts clients, and every response closes its
/// connection. Then the listener closes. Then each connection closes as soon as it has no request in flight.
pub async fn serve(
    listener: TcpListener,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    options: ServerOptions,
    stop: impl Future<Output = ()>,
) -> bool {
    let (phase, watched) = watch::channel(Phase::Serving);
    let mut server = Server::new(&listener, endpoint, &options, watched);
    server.accept_until(&listener, stop).await;
    phase.send_replace(Phase::LastOrders);
    let notice = options.shutdown_notice.min(options.shutdown_grace);
    let stopped = async {
        server.accept_until(&listener, tokio::time::sleep(notice)).await;
        let connections = server.accept_the_last(listener);
        finish(connections, phase, IDLE_DRAIN.saturating_sub(notice).max(LATE_CONNECTIONS)).await;
    };
    tokio::time::timeout(options.shutdown_grace, stopped).await.is_ok()
}

/// Waits for `event`, and answers requests meanwhile. Clients that it has not accepted stay in the backlog of the
/// listener, which stays open, and the next server answers them. If `event` completes soon, those are all clients.
pub async fn serve_meanwhile<T>(
    listener: &TcpListener,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    options: &ServerOptions,
    event: impl Future<Output = T>,
) -> T {
    let mut event = pin!(event);
    if let Ok(outcome) = tokio::time::timeout(SOON, &mut event).await {
        return outcome;
    }
    // Every response closes its connection, so that no client stays connected to this interim server.
    let (phase, watched) = watch::channel(Phase::LastOrders);
    let mut server = Server::new(listener, endpoint, options, watched);
    let outcome = server.accept_until(listener, event).await;
    // Clients that are already connected are still answered, as at shutdown.
    tokio::spawn(finish(server.connections, phase, LATE_CONNECTIONS));
    outcome
}

/// Waits for the last connections. Idle ones stay open for the given time and are closed then.
async fn finish(mut connections: JoinSet<()>, phase: watch::Sender<Phase>, last_orders: Duration) {
    let all_done = async { while connections.join_next().await.is_some() {} };
    let mut all_done = pin!(all_done);
    if tokio::time::timeout(last_orders, &mut all_done).await.is_err() {
        phase.send_replace(Phase::Closing);
        all_done.await;
    }
}

/// The phase of the shutdown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Serving,
    /// Every response closes its connection.
    LastOrders,
    /// Idle connections are closed.
    Closing,
}

struct Server {
    /// The address of the listener.
    local: Option<SocketAddr>,
    transport: Arc<Transport>,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    sharing: Arc<Connections>,
    header_timeout: Duration,
    watched: watch::Receiver<Phase>,
    connections: JoinSet<()>,
}

impl Server {
    fn new(
        listener: &TcpListener,
        endpoint: Arc<BoxEndpoint<'static, Response>>,
        options: &ServerOptions,
        watched: watch::Receiver<Phase>,
    ) -> Self {
        Self {
            local: listener.local_addr().ok(),
            transport: Arc::new(options.transport.clone()),
            endpoint,
            sharing: Arc::clone(&options.connections),
            header_timeout: options.header_timeout,
            watched,
            connections: JoinSet::new(),
        }
    }

    async fn accept_until<T>(&mut self, listener: &TcpListener, end: impl Future<Output = T>) -> T {
        let mut end = pin!(end);
        loop {
            let accepted = tokio::select! {
                biased;
                outcome = &mut end => return outcome,
                // Reap first: in a flood there is always another connection to accept, and finished tasks keep their
                // memory.
                Some(_) = self.connections.join_next() => continue,
                accepted = accept(listener, &self.sharing) => accepted,
            };
            self.spawn(accepted);
        }
    }

    /// Accepts the connections that are still in the backlog. It asks the operating system, because the runtime's view
    /// of the backlog may be outdated, and closing the listener resets every connection left in it.
    fn accept_the_last(mut self, listener: TcpListener) -> JoinSet<()> {
        let mut last = Vec::new();
        if let Ok(queue) = listener.into_std() {
            while let Ok(accepted) = queue.accept() {
                last.push(accepted);
            }
        }
        for (stream, peer) in last {
            let opened = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
            let permit = self.sharing.try_permit();
            self.spawn(opened.ok().zip(permit).map(|(stream, permit)| (stream, peer, permit)));
        }
        self.connections
    }

    fn spawn(&mut self, accepted: Option<Accepted>) {
        let Some((stream, peer, permit)) = accepted else { return };
        let Some((slot, displaced)) = self.sharing.admit(peer.ip(), permit) else { return };
        let local = stream.local_addr().ok().or(self.local).unwrap_or(peer);
        let connection = Connection {
            local: LocalAddr(Addr::SocketAddr(local)),
            endpoint: Arc::clone(&self.endpoint),
            header_timeout: self.header_timeout,
            phase: self.watched.clone(),
        };
        let transport = Arc::clone(&self.transport);
        self.connections.spawn(serve_unless(displaced, async move {
            connection.serve(stream, peer, &transport, slot).await;
        }));
    }
}

/// Serves a connection, and aborts it when it has to make room for another one.
async fn serve_unless(displaced: AbortRegistration, serving: impl Future<Output = ()>) {
    if Abortable::new(serving, displaced).await.is_err() {
        tracing::debug!("closed a connection for a new one");
    }
}

type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

async fn accept(listener: &TcpListener, sharing: &Connections) -> Option<Accepted> {
    let permit = sharing.permit().await?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, permit)),
        Err(error) => {
            tracing::warn!(%error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

struct Connection {
    local: LocalAddr,
    endpoint: Arc<BoxEndpoint<'static, Response>>,
    header_timeout: Duration,
    phase: watch::Receiver<Phase>,
}

impl Connection {
    async fn serve(mut self, stream: TcpStream, peer: SocketAddr, transport: &Transport, mut slot: Slot) {
        // Responses are small and written whole, so waiting for more data only adds latency.
        let _ = stream.set_nodelay(true);
        let opened = tokio::select! {
            opened = transport.open(stream, peer) => opened,
            _ = self.phase.wait_for(|phase| *phase == Phase::Closing) => return,
        };
        let Opened { client, stream } = match opened {
            Ok(opened) => opened,
            Err(error) => {
                return tracing::debug!(%error, %peer, "a connection failed before its first request");
            }
        };
        if client != peer && !slot.reassign(client.ip()) {
            return tracing::debug!(%client, "refused a connection");
        }
        match stream {
            Stream::Plain(stream) => self.speak(stream, Scheme::HTTP, client, slot).await,
            Stream::Proxied(stream) => self.speak(stream, Scheme::HTTP, client, slot).await,
            Stream::Tls(stream) => self.speak(stream, Scheme::HTTPS, client, slot).await,
        }
    }

    /// Speaks HTTP until the client disconnects or the service stops.
    async fn speak(
        self,
        stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
        scheme: Scheme,
        client: SocketAddr,
        slot: Slot,
    ) {
        let Self { local, endpoint, header_timeout, mut phase } = self;
        let remote = RemoteAddr(Addr::SocketAddr(client));
        let asked_phase = phase.clone();
        let under_way = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&under_way);
        let slot = Arc::new(slot);
        let service = service_fn(move |request: hyper::Request<Incoming>| {
            let counted = Counted::by(&counter);
            let endpoint = Arc::clone(&endpoint);
            let has_body = !request.body().is_end_stream();
            let mut request = Request::from((request, local.clone(), remote.clone(), scheme.clone()));
            host::check(&mut request);
            header_size::check(&mut request);
            let slot = Arc::clone(&slot);
            let leftover = if has_body {
                slot.reads_body();
                Some(UnreadBody::of(&mut request, Arc::clone(&slot)))
            } else {
                slot.answers();
                None
            };
            let phase = asked_phase.clone();
            async move {
                let mut response = endpoint.get_response(request).await;
                let goes_on = match leftover {
                    Some(leftover) => leftover.clear().await,
                    None => true,
                };
                drop(counted);
                slot.waits();
                if !goes_on || *phase.borrow() != Phase::Serving {
                    let close = poem::http::HeaderValue::from_static("close");
                    response.headers_mut().insert(poem::http::header::CONNECTION, close);
                }
                Ok::<_, Infallible>(hyper::Response::from(response))
            }
        });
        let mut connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(header_timeout)
            .max_buf_size(MAX_READ_AHEAD)
            .serve_connection(TokioIo::new(WriteTimeout::new(stream)), service);
        let ended = tokio::select! {
            outcome = &mut connection => Some(outcome),
            _ = phase.wait_for(|phase| *phase == Phase::Closing) => None,
        };
        let outcome = match ended {
            Some(outcome) => outcome,
            None => {
                Pin::new(&mut connection).graceful_shutdown();
                loop {
                    match tokio::time::timeout(LAST_BYTES, &mut connection).await {
                        Ok(outcome) => break outcome,
                        Err(_) if under_way.load(Ordering::Acquire) == 0 => return,
                        Err(_) => {}
                    }
                }
            }
        };
        // Clients that disconnect or send invalid HTTP are logged at debug level only.
        let Err(error) = outcome else { return };
        tracing::debug!(%error, %client, "a connection ended");
        if error.is_parse() {
            // The service owns the slot, so the slot is held until the end of this block.
            let mut parts = connection.into_parts();
            linger(parts.io.inner_mut()).await;
        }
    }
}

/// A counter entry that lasts as long as this value.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn by(counter: &Arc<AtomicUsize>) -> Self {
        counter.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(counter))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}
