//! The server: a thread that accepts connections, and a thread per connection.
//!
//! A connection has one request. Each request, each frame and each answer of a page has its time. A
//! connection that is slower, or that breaks the rules, is closed. So clients that vanish, stall or send
//! anything else cost a thread for some seconds at most, and there are few threads.

use std::{
    io::{self, ErrorKind, Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use tungstenite::{
    Message, WebSocket,
    handshake::server::{create_response, write_response},
    http,
    protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
};

use super::{
    latest::{Latest, Page},
    request::{self, Answer},
};
use crate::picture::palette;

/// The most connections at a time. A browser opens some that it does not need.
pub const CONNECTIONS: usize = 16;
/// The most pages at a time.
pub const PAGES: usize = 4;
/// The time for a request, for a frame to be taken, and for a page to draw it.
pub const PATIENCE: Duration = Duration::from_millis(if cfg!(test) { 500 } else { 10_000 });

pub struct Server {
    address: SocketAddr,
    closed: Arc<AtomicBool>,
    accepts: Option<JoinHandle<()>>,
}

impl Server {
    pub fn open(port: u16, latest: Arc<Latest>) -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).with_context(|| {
            format!("cannot serve a page on 127.0.0.1:{port}; `--watch 0` takes any free port")
        })?;
        let address = listener.local_addr()?;
        let closed = Arc::new(AtomicBool::new(false));
        let ends = Arc::clone(&closed);
        let accepts = thread::Builder::new()
            .name("graph-accept".into())
            .spawn(move || accept(&listener, &latest, &ends))
            .context("cannot start a thread")?;
        Ok(Server { address, closed, accepts: Some(accepts) })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Accepts no more connections.
    pub fn close(&mut self) {
        self.closed.store(true, Ordering::Release);
        // The thread sees the flag with the next connection, which is this one.
        if TcpStream::connect(self.address).is_ok()
            && let Some(accepts) = self.accepts.take()
        {
            let _ = accepts.join();
        }
    }
}

fn accept(listener: &TcpListener, latest: &Arc<Latest>, closed: &AtomicBool) {
    let connections = Arc::new(AtomicUsize::new(0));
    let port = listener.local_addr().map_or(0, |address| address.port());
    for stream in listener.incoming() {
        if closed.load(Ordering::Acquire) {
            return;
        }
        let Ok(stream) = stream else {
            // Too many open files, for one.
            thread::sleep(Duration::from_millis(50));
            continue;
        };
        let connection = Connection(Arc::clone(&connections));
        if connections.fetch_add(1, Ordering::Relaxed) >= CONNECTIONS {
            continue;
        }
        let latest = Arc::clone(latest);
        // Without a thread the connection is closed.
        let _ = thread::Builder::new().name("graph-page".into()).spawn(move || {
            let _connection = connection;
            // A connection that fails is over, whatever the reason.
            let _ = serve(stream, port, &latest);
        });
    }
}

/// Counts a connection out when it ends.
struct Connection(Arc<AtomicUsize>);

impl Drop for Connection {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A socket with a time at which all reads and writes end.
struct Timed {
    stream: TcpStream,
    end: Instant,
}

impl Timed {
    fn restart(&mut self) {
        self.end = Instant::now() + PATIENCE;
    }

    /// The time that is left, which is not zero.
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.end.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Timed {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(self.left()?)?;
        self.stream.read(bytes)
    }
}

impl Write for Timed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(self.left()?)?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn serve(stream: TcpStream, port: u16, latest: &Arc<Latest>) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = Timed { stream, end: Instant::now() + PATIENCE };
    let request = request::read(&mut stream)?;
    let (status, text) = match request::answer(&request, port) {
        Answer::Page => (200, page()),
        Answer::Refused(status, what) => (status, what.into()),
        Answer::Stream => match create_response(&request) {
            Err(_) => (400, "the stream is a WebSocket".into()),
            Ok(response) => match Page::enter(latest, PAGES) {
                None => (503, format!("{PAGES} pages are open, which is the most")),
                Some(_page) => {
                    write_response(&mut stream, &response)?;
                    return send_frames(stream, latest);
                }
            },
        },
    };
    let kind = if status == 200 { "text/html" } else { "text/plain" };
    // The page takes nothing from elsewhere, sends nothing elsewhere, and is shown in no other page.
    write!(
        stream,
        "HTTP/1.1 {status} {}\r\nContent-Type: {kind}; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\
         Content-Security-Policy: default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
         connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}; frame-ancestors 'none'; base-uri 'none'\r\nX-Content-Type-Options: nosniff\r\n\
         Cross-Origin-Resource-Policy: same-origin\r\nCache-Control: no-store\r\n\r\n{text}",
        http::StatusCode::from_u16(status)?.canonical_reason().unwrap_or_default(),
        text.len()
    )?;
    Ok(())
}

/// Whether a client has closed its end. Nothing is read.
fn has_gone(stream: &TcpStream) -> bool {
    if stream.set_nonblocking(true).is_err() {
        return true;
    }
    let peeked = stream.peek(&mut [0]);
    let is_gone = match peeked {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    };
    stream.set_nonblocking(false).is_err() || is_gone
}

/// The page, with the colours of the picture.
fn page() -> String {
    include_str!("page.html")
        .replace("/* palette */", &palette().map(|colour| format!("\"{colour}\"")).join(","))
}

/// Sends the latest frame again and again, each when the page has drawn the one before.
fn send_frames(stream: Timed, latest: &Latest) -> Result<()> {
    // A page sends short messages alone.
    let limits = WebSocketConfig::default()
        .read_buffer_size(1 << 10)
        .write_buffer_size(0)
        .max_message_size(Some(64))
        .max_frame_size(Some(64));
    let mut socket = WebSocket::from_raw_socket(stream, Role::Server, Some(limits));
    let (mut step, mut graph) = (None, 0);
    while let Some(message) = latest.next(step, || has_gone(&socket.get_ref().stream)) {
        socket.get_mut().restart();
        if graph != message.graph.0 {
            graph = message.graph.0;
            socket.send(Message::Binary(message.graph.1))?;
        }
        socket.send(Message::Binary(message.frame))?;
        step = Some(message.step);
        socket.get_mut().restart();
        // Anything else than this answer ends the connection.
        loop {
            match socket.read()? {
                Message::Text(text) if text == "drawn" => break,
                Message::Ping(_) | Message::Pong(_) => {}
                _ => return Ok(()),
            }
        }
    }
    socket.get_mut().restart();
    socket.close(Some(CloseFrame { code: CloseCode::Normal, reason: "".into() }))?;
    // The page answers, and closes.
    while socket.read().is_ok() {}
    Ok(())
}
