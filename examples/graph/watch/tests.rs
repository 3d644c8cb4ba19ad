//! Clients over real sockets: pages as they should be, and clients that vanish, stall, send anything else or
//! come from elsewhere.

mod chromium;

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::Arc,
    time::{Duration, Instant},
};

use gpumem::Device;
use tungstenite::{ClientRequestBuilder, Message, WebSocket};

use super::{
    Viewer,
    server::{CONNECTIONS, PAGES, PATIENCE},
};
use crate::{
    graph::Graph,
    input::network::Network,
    layout::frames::Shown,
    layout::{Course, lay_out},
};

type Socket = WebSocket<TcpStream>;

/// A chain.
fn chain(nodes: u32) -> Graph {
    Graph::new(Network::new(nodes, vec![], (1..nodes).map(|node| [node - 1, node]).collect()), 1)
}

fn frame(graph: &Graph, step: u32) -> Shown {
    let positions = Arc::new(graph.positions.clone());
    Shown { step, positions, since: Instant::now(), stats: Device::host().stats() }
}

fn viewer() -> Viewer {
    Viewer::open(0, "host", 100).unwrap()
}

/// Sends bytes, and reads all that comes until the connection is closed.
fn answer(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(10 * PATIENCE)).unwrap();
    // The server may close before it has read everything.
    let _ = stream.write_all(bytes);
    let mut text = Vec::new();
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn get(address: SocketAddr, path: &str, headers: &str) -> String {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n{headers}\r\n");
    answer(address, request.as_bytes())
}

/// Opens the stream as a page of `origin` does.
fn open(address: SocketAddr, origin: &str) -> Result<Socket, String> {
    let uri = format!("ws://{address}/stream").parse().unwrap();
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(10 * PATIENCE)).unwrap();
    let request = ClientRequestBuilder::new(uri).with_header("Origin", origin);
    tungstenite::client(request, stream).map(|(socket, _)| socket).map_err(|error| error.to_string())
}

fn page(address: SocketAddr) -> Socket {
    open(address, &format!("http://{address}")).unwrap()
}

/// The step of the next frame. Graphs before it are skipped.
fn step(socket: &mut Socket) -> Option<u32> {
    loop {
        match socket.read().ok()? {
            Message::Binary(bytes) if bytes[0] == 2 => {
                let text = String::from_utf8_lossy(&bytes[8..200]).into_owned();
                return text.strip_prefix("{\"step\":")?.split(',').next()?.parse().ok();
            }
            Message::Binary(_) => {}
            _ => return None,
        }
    }
}

fn drawn(socket: &mut Socket) {
    socket.send(Message::text("drawn")).unwrap();
}

/// Waits until a page is let in, which shows that another one was counted out.
fn page_soon(address: SocketAddr) -> Socket {
    let end = Instant::now() + 20 * PATIENCE;
    loop {
        match open(address, &format!("http://{address}")) {
            Ok(socket) => return socket,
            Err(error) => assert!(Instant::now() < end, "{error}"),
        }
        std::thread::sleep(PATIENCE / 10);
    }
}

#[test]
fn the_page_and_nothing_else_is_served() {
    let viewer = viewer();
    let address = viewer.address();
    assert!(address.ip().is_loopback());
    let page = get(address, "/", "");
    assert!(page.starts_with("HTTP/1.1 200 OK\r\n") && page.ends_with("</script>\n"), "{page}");
    for part in ["default-src 'none'", "nosniff", "frame-ancestors 'none'", "\"#566eff\",", "no-store"] {
        assert!(page.contains(part), "{part} is missing");
    }
    for (path, headers, status) in [
        ("/other", "", "404 Not Found"),
        ("/", "Origin: http://evil.example\r\n", "403 Forbidden"),
        ("/", "Host: evil.example\r\n", "421 Misdirected Request"),
        ("/stream", "", "403 Forbidden"),
        ("/stream", &format!("Origin: http://{address}\r\n"), "400 Bad Request"),
    ] {
        let refused = get(address, path, headers);
        assert!(refused.starts_with(&format!("HTTP/1.1 {status}\r\n")), "{path} {headers}: {refused}");
        assert!(!refused.contains("<script>"));
    }
}

#[test]
fn other_pages_get_no_stream() {
    let viewer = viewer();
    let address = viewer.address();
    for origin in ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1"] {
        let error = open(address, origin).map(|_| ()).unwrap_err();
        assert!(error.contains("403"), "{origin}: {error}");
    }
    // A page whose name leads here: its origin and its host agree.
    let port = address.port();
    let rebound = format!(
        "GET /stream HTTP/1.1\r\nHost: evil.example:{port}\r\nOrigin: http://evil.example:{port}\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    );
    assert!(answer(address, rebound.as_bytes()).starts_with("HTTP/1.1 421 "));
}

#[test]
fn a_page_gets_the_graph_and_the_latest_frame() {
    let (mut viewer, graph) = (viewer(), chain(5));
    let mut socket = page(viewer.address());
    viewer.wait_for_page();
    viewer.show(&graph, frame(&graph, 1));
    let Message::Binary(first) = socket.read().unwrap() else { panic!("a graph comes first") };
    assert_eq!(first[..12], [1, 0, 0, 0, 5, 0, 0, 0, 4, 0, 0, 0]);
    assert_eq!((first.len(), &first[12..20]), (12 + 4 * 8 + 5, &[0, 0, 0, 0, 1, 0, 0, 0][..]));
    // One edge at the end of the chain, two in its middle.
    assert_eq!((first[44] / 16, first[46] / 16), (1, 2));
    assert_eq!(step(&mut socket), Some(1));
    // The page is slow: it has not drawn the first frame.
    (2..=9).for_each(|step| viewer.show(&graph, frame(&graph, step)));
    drawn(&mut socket);
    assert_eq!(step(&mut socket), Some(9));
    drawn(&mut socket);
    viewer.show(&graph, frame(&graph, 10));
    assert_eq!(step(&mut socket), Some(10));

    // The graph grows. A frame from before that comes late has the old one.
    let larger = chain(7);
    viewer.show(&larger, frame(&graph, 11));
    drawn(&mut socket);
    assert!(matches!(socket.read(), Ok(Message::Binary(bytes)) if bytes[0] == 2));
    viewer.show(&larger, frame(&larger, 12));
    drawn(&mut socket);
    assert!(matches!(socket.read(), Ok(Message::Binary(bytes)) if bytes[0] == 1 && bytes[4] == 7));
    assert_eq!(step(&mut socket), Some(12));

    viewer.show(&larger, frame(&larger, 13));
    let reader = std::thread::spawn(move || {
        drawn(&mut socket);
        let last = step(&mut socket);
        drawn(&mut socket);
        (last, socket.read())
    });
    assert_eq!(viewer.finish(), (6, 7));
    let (last, end) = reader.join().unwrap();
    assert_eq!(last, Some(13));
    assert!(matches!(end, Ok(Message::Close(_))), "{end:?}");
}

#[test]
fn clients_that_vanish_leave_room_for_others() {
    let (mut viewer, graph) = (viewer(), chain(50_000));
    for round in 0..3 * u32::try_from(PAGES).unwrap() {
        let mut socket = page_soon(viewer.address());
        viewer.show(&graph, frame(&graph, round + 1));
        if round % 2 == 0 {
            // In the middle of a frame, or after it.
            step(&mut socket);
        }
        drop(socket);
    }
    let mut socket = page_soon(viewer.address());
    viewer.show(&graph, frame(&graph, 99));
    assert!(step(&mut socket).is_some());
}

#[test]
fn pages_that_vanish_before_the_first_frame_leave_room_for_others() {
    let viewer = viewer();
    let address = viewer.address();
    for _ in 0..2 * PAGES {
        drop(page_soon(address));
    }
}

#[test]
fn clients_that_stall_do_not_slow_the_layout() {
    let (mut viewer, graph) = (viewer(), chain(200_000));
    let address = viewer.address();
    // These never read, and never say that they have drawn.
    let _stalled: Vec<Socket> = (0..PAGES).map(|_| page(address)).collect();
    // These never end their request.
    let _silent: Vec<TcpStream> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    viewer.wait_for_page();
    let shown = frame(&graph, 0);
    let slowest = (1..=200).map(|step| {
        let frame = Shown { step, positions: Arc::clone(&shown.positions), ..frame(&chain(1), 0) };
        let start = Instant::now();
        viewer.show(&graph, frame);
        let time = start.elapsed();
        std::thread::sleep(Duration::from_millis(1));
        // The first frame has the graph with it.
        if step == 1 { Duration::ZERO } else { time }
    });
    let slowest = slowest.max().unwrap();
    assert!(slowest < PATIENCE / 2, "a frame took {slowest:?}");
    // They are gone after a while.
    let mut socket = page_soon(address);
    viewer.show(&graph, Shown { step: 500, ..frame(&graph, 0) });
    assert!(step(&mut socket).is_some());
}

#[test]
fn clients_that_send_garbage_are_closed() {
    let (mut viewer, graph) = (viewer(), chain(3));
    let address = viewer.address();
    let mut rng = fastrand::Rng::with_seed(1);
    for length in [1, 100, 5_000, 100_000] {
        let garbage: Vec<u8> = (0..length).map(|_| rng.u8(..)).collect();
        assert_eq!(answer(address, &garbage), "");
    }
    let masked_text = |text: &str| Message::text(text.to_owned());
    for garbage in
        [masked_text("x"), masked_text(&"drawn".repeat(1_000)), Message::binary(vec![0; 60]), masked_text("")]
    {
        let mut socket = page_soon(address);
        viewer.show(&graph, frame(&graph, 1));
        step(&mut socket);
        socket.send(garbage).unwrap();
        assert_eq!(step(&mut socket), None);
    }
    // Bytes that are no frame of a WebSocket.
    let mut socket = page_soon(address);
    step(&mut socket);
    socket.get_mut().write_all(&[0xff; 300]).unwrap();
    assert_eq!(step(&mut socket), None);
    assert!(get(address, "/", "").starts_with("HTTP/1.1 200 OK"));
}

#[test]
fn there_is_a_limit_on_clients() {
    let viewer = viewer();
    let address = viewer.address();
    let pages: Vec<Socket> = (0..PAGES).map(|_| page(address)).collect();
    let error = open(address, &format!("http://{address}")).map(|_| ()).unwrap_err();
    assert!(error.contains("503"), "{error}");
    drop(pages);

    let silent: Vec<TcpStream> = (0..2 * CONNECTIONS).map(|_| TcpStream::connect(address).unwrap()).collect();
    let end = Instant::now() + 20 * PATIENCE;
    while !get(address, "/", "").starts_with("HTTP/1.1 200 OK") {
        assert!(Instant::now() < end, "silent clients keep their places");
    }
    drop(silent);
}

#[test]
fn a_layout_with_a_stalled_page_ends() {
    let mut viewer = viewer();
    let _stalled = page(viewer.address());
    viewer.wait_for_page();
    let mut graph = chain(2_000);
    let show = &mut |graph: &Graph, shown| viewer.show(graph, shown);
    let outcome = lay_out(&Device::host(), &mut graph, Course::plain(50, show)).unwrap();
    assert_eq!(outcome.stats.async_downloads, 100);
    let start = Instant::now();
    viewer.finish();
    assert!(start.elapsed() < 10 * PATIENCE);
}
