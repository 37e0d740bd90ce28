//! A mail server that takes messages, and fails as a test tells it to.

use std::collections::HashMap;
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long a test waits for messages.
const PATIENCE: Duration = Duration::from_secs(120);

/// What the server does with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reply {
    /// Takes it.
    Accept,
    /// Takes it after this time.
    Slowly(Duration),
    /// Says nothing to the recipient, and keeps the connection open.
    Silence,
    /// Refuses the recipient for now, as servers with greylisting do.
    Later,
    /// Refuses the recipient for ever.
    Never,
    /// Takes the message, and closes the connection without a reply.
    Dropped,
}

/// A message that the server took.
#[derive(Clone, Debug)]
pub struct Received {
    /// The recipient.
    pub to: String,
    /// The message, with its header fields.
    pub text: String,
}

impl Received {
    /// The `Message-ID`.
    pub fn id(&self) -> &str {
        let id = self.text.lines().find_map(|line| line.strip_prefix("Message-ID:"));
        id.expect("a Message-ID").trim()
    }
}

type Decide = dyn Fn(&str, usize) -> Reply + Send + Sync;

struct Shared {
    decide: Box<Decide>,
    /// How often each recipient was named.
    named: Mutex<HashMap<String, usize>>,
    received: Mutex<Vec<Received>>,
    more: Condvar,
    stopped: AtomicBool,
}

/// A running mail server. It accepts connections until it is dropped.
pub struct MailServer {
    address: SocketAddr,
    shared: Arc<Shared>,
    accepting: Option<JoinHandle<()>>,
}

impl MailServer {
    /// Starts a server that takes every message.
    pub fn start() -> Self {
        Self::deciding(0, |_, _| Reply::Accept)
    }

    /// Starts a server on this port, or on any free one for 0. `decide` gets the recipient, and how often it was named
    /// before.
    pub fn deciding(port: u16, decide: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).expect("a free port");
        let address = listener.local_addr().expect("an address");
        let shared = Arc::new(Shared {
            decide: Box::new(decide),
            named: Mutex::default(),
            received: Mutex::default(),
            more: Condvar::new(),
            stopped: AtomicBool::new(false),
        });
        let of_thread = shared.clone();
        let accepting = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if of_thread.stopped.load(Ordering::SeqCst) {
                    return;
                }
                let (Ok(stream), shared) = (stream, of_thread.clone()) else { continue };
                // The client may close the connection at any moment.
                std::thread::spawn(move || drop(serve(&stream, &shared)));
            }
        });
        Self { address, shared, accepting: Some(accepting) }
    }

    /// The value of `SMTP_URL`.
    pub fn url(&self) -> String {
        format!("smtp://{}", self.address)
    }

    /// All messages that the server took, oldest first.
    pub fn received(&self) -> Vec<Received> {
        self.shared.received.lock().unwrap().clone()
    }

    /// Waits until the messages satisfy the condition, and returns them.
    #[track_caller]
    pub fn wait(&self, what: &str, is_enough: impl Fn(&[Received]) -> bool) -> Vec<Received> {
        let begun = Instant::now();
        let mut received = self.shared.received.lock().unwrap();
        while !is_enough(&received) {
            let left = PATIENCE.saturating_sub(begun.elapsed());
            assert!(!left.is_zero(), "{what}: after {} messages", received.len());
            received = self.shared.more.wait_timeout(received, left).unwrap().0;
        }
        received.clone()
    }
}

impl Drop for MailServer {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread, which then closes the listener.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let _ = accepting.join();
        }
    }
}

/// Serves one connection (RFC 5321).
fn serve(stream: &TcpStream, shared: &Shared) -> io::Result<()> {
    let (mut lines, mut out) = (BufReader::new(stream), stream);
    let (mut line, mut to, mut reply) = (String::new(), String::new(), Reply::Accept);
    out.write_all(b"220 test.example ESMTP\r\n")?;
    loop {
        line.clear();
        if lines.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let command = line.trim_end();
        let verb = command.get(..4).unwrap_or_default().to_ascii_uppercase();
        match verb.as_str() {
            "EHLO" => out.write_all(b"250-test.example\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n")?,
            "RCPT" => {
                let address = command.split(['<', '>']).nth(1).unwrap_or_default();
                address.clone_into(&mut to);
                let mut named = shared.named.lock().unwrap();
                let times = named.entry(to.clone()).or_default();
                reply = (shared.decide)(&to, *times);
                *times += 1;
                drop(named);
                match reply {
                    Reply::Silence => {}
                    Reply::Later => out.write_all(b"450 4.2.0 Greylisted, try again later\r\n")?,
                    Reply::Never => out.write_all(b"550 5.1.1 No such mailbox\r\n")?,
                    Reply::Accept | Reply::Slowly(_) | Reply::Dropped => out.write_all(b"250 OK\r\n")?,
                }
            }
            "DATA" => {
                out.write_all(b"354 Go on\r\n")?;
                let text = message(&mut lines)?;
                if let Reply::Slowly(by) = reply {
                    #[expect(clippy::disallowed_methods, reason = "a slow server, in a thread of its own")]
                    std::thread::sleep(by);
                }
                shared.received.lock().unwrap().push(Received { to: to.clone(), text });
                shared.more.notify_all();
                if reply == Reply::Dropped {
                    return Ok(());
                }
                out.write_all(b"250 OK\r\n")?;
            }
            "QUIT" => return out.write_all(b"221 Bye\r\n"),
            _ => out.write_all(b"250 OK\r\n")?,
        }
    }
}

/// Reads a message up to the line with a single dot.
fn message(lines: &mut BufReader<&TcpStream>) -> io::Result<String> {
    let mut text = String::new();
    loop {
        let begin = text.len();
        if lines.read_line(&mut text)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match text.get(begin..) {
            Some(".\r\n") => {
                text.truncate(begin);
                return Ok(text);
            }
            Some(line) if line.starts_with('.') => drop(text.remove(begin)),
            _ => {}
        }
    }
}
