//! The page in Chromium, which is asked over its own protocol what the page shows.

use std::{
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use gpumem::Device;
use tungstenite::{Message, WebSocket};

use super::{Viewer, viewer};
use crate::{
    graph::Graph,
    input::rmat,
    layout::frames::Frames,
    layout::grow::Growth,
    layout::{Course, lay_out},
    physics::balance,
};

/// A page in Chromium.
struct Browser {
    process: Child,
    socket: WebSocket<TcpStream>,
    folder: std::path::PathBuf,
}

impl Browser {
    /// `None` without Chromium.
    fn open(url: &str) -> Option<Self> {
        let folder = std::env::temp_dir().join(format!("gpumem-watch-{}", std::process::id()));
        let chromium = ["chromium", "chromium-browser", "google-chrome"];
        let mut process = chromium.iter().find_map(|program| start(program, &folder, url))?;
        let errors = BufReader::new(process.stderr.take()?);
        let mut lines = errors.lines().map_while(Result::ok);
        let address = lines.find_map(|line| Some(line.split_once("listening on ws://")?.1.to_owned()));
        // Chromium waits if nothing reads what it writes.
        std::thread::spawn(move || lines.for_each(drop));
        let address = address.expect("Chromium says where it listens");
        let address = address.split('/').next()?;
        let list = get(address, "/json/list");
        let page = list.split("\"webSocketDebuggerUrl\": \"").nth(1).expect("there is a page");
        let page = page.split('"').next()?;
        let (socket, _) = tungstenite::client(page, TcpStream::connect(address).unwrap()).unwrap();
        Some(Browser { process, socket, folder })
    }

    /// The value of an expression in the page: a string or a number.
    fn value(&mut self, expression: &str) -> String {
        let call = format!(
            "{{\"id\":1,\"method\":\"Runtime.evaluate\",\"params\":{{\"expression\":{expression:?},\"returnByValue\":true}}}}"
        );
        self.socket.send(Message::text(call)).unwrap();
        let answer = self.socket.read().unwrap().into_text().unwrap();
        let value = answer.split("\"value\":").nth(1).unwrap_or_else(|| panic!("{expression}: {answer}"));
        value.trim_end_matches('}').trim_matches('"').to_owned()
    }

    /// Waits until the value of an expression is `true`.
    fn wait_for(&mut self, expression: &str) {
        let end = Instant::now() + Duration::from_secs(60);
        while self.value(&format!("String({expression})")) != "true" {
            let page = self.value("document.body.innerText + JSON.stringify(document.body.dataset) + (gl && gl.isContextLost())");
            assert!(Instant::now() < end, "not {expression}: {page}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn start(program: &str, folder: &std::path::Path, url: &str) -> Option<Child> {
    let options = [
        "--headless",
        "--no-sandbox",
        "--disable-dev-shm-usage",
        "--enable-unsafe-swiftshader",
        "--window-size=800,600",
        "--remote-debugging-port=0",
    ];
    let profile = format!("--user-data-dir={}", folder.display());
    Command::new(program).args(options).arg(profile).arg(url).stderr(Stdio::piped()).spawn().ok()
}

fn get(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    let mut text = Vec::new();
    // Some versions leave the connection open.
    let _ = stream.read_to_end(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// The share of the picture's pixels that are bright, in percent. 0 where there is no picture yet.
const BRIGHT: &str = "(() => { try { draw(); } catch { return 0; }
    const w = canvas.width, h = canvas.height, p = new Uint8Array(4 * w * h);
    gl.readPixels(0, 0, w, h, gl.RGBA, gl.UNSIGNED_BYTE, p); let n = 0;
    for (let i = 0; i < p.length; i += 4) n += Math.max(p[i], p[i + 1], p[i + 2]) > 60;
    return 100 * n / w / h; })()";

#[test]
fn the_page_draws_and_follows_a_layout_that_grows() {
    let mut viewer: Viewer = viewer();
    let Some(mut browser) = Browser::open(&format!("http://{}/", viewer.address())) else {
        println!("skipped: there is no Chromium");
        return;
    };
    viewer.wait_for_page();
    let (first, growth) = Growth::new(rmat(8, 8, 1), 3, 1);
    let mut graph = Graph::new(first, 1);
    balance(&mut graph);
    let (mut nodes, mut lit) = (Vec::new(), Vec::new());
    let mut show = |graph: &Graph, shown: crate::layout::frames::Shown| {
        let step = shown.step;
        viewer.show(graph, shown);
        // Before each batch, and at the end.
        if step.is_multiple_of(25) {
            browser.wait_for(&format!("document.body.dataset.step === '{step}'"));
            nodes.push(browser.value("element('about').textContent"));
            browser.wait_for(&format!("{BRIGHT} > 0.5"));
            lit.push(browser.value(&format!("String({BRIGHT})")).parse::<f64>().unwrap());
            if step == 50 {
                // The page connects again.
                browser.value("socket.close(); 'closed'");
            }
        }
    };
    let course = Course { steps: 25, growth: Some(growth), frames: Frames::Positions, show: &mut show };
    lay_out(&Device::host(), &mut graph, course).unwrap();
    assert_eq!(nodes, ["64", "128", "192", "256"].map(|nodes| format!("{nodes} nodes on the host")));
    assert!(
        lit.iter().all(|lit| (0.5..60.0).contains(lit)),
        "percent of the pixels that are bright: {lit:?}"
    );
    for (figure, unit) in
        [("frames", "a second"), ("rate", "steps a second"), ("age", " ms"), ("live", "KiB")]
    {
        let text = browser.value(&format!("element('{figure}').textContent"));
        assert!(text.ends_with(unit) && text.starts_with(|c: char| c.is_ascii_digit()), "{figure}: {text}");
    }
    let (sent, left_out) = viewer.finish();
    // Frames that come while no page is open are not left out, and one was sent again.
    assert!(sent >= 5 && sent + left_out <= 101, "{sent}, {left_out}");
    browser.wait_for("document.body.dataset.state === 'ended'");
}
