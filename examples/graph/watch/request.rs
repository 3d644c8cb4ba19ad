//! Reads a request, and decides on the answer.
//!
//! A browser sends what any page asks of it to any address, this machine's too. So a request must name this
//! server as its host: a page from elsewhere whose name was made to lead here (DNS rebinding) has another
//! one. And it must come from this server's own page, if it says where it comes from. The stream is for
//! requests that say so.

use std::io::{Error, ErrorKind, Read, Result};

use tungstenite::http;

/// The most bytes of a request.
const LONGEST: usize = 8 << 10;

/// The answer to a request.
#[derive(Debug, PartialEq)]
pub enum Answer {
    Page,
    Stream,
    /// The status, and the mistake.
    Refused(u16, &'static str),
}

/// Reads a request without a body.
pub fn read(mut from: impl Read) -> Result<http::Request<()>> {
    let bad = || Error::new(ErrorKind::InvalidData, "no request");
    let mut head = Vec::new();
    loop {
        let mut bytes = [0; 512];
        let count = from.read(&mut bytes)?;
        if count == 0 || head.len() + count > LONGEST {
            return Err(bad());
        }
        head.extend_from_slice(&bytes[..count]);
        // What comes after the head, such as a body, is not read.
        if let Some(end) = head.windows(4).position(|bytes| bytes == b"\r\n\r\n") {
            return parse(&head[..end + 4]).ok_or_else(bad);
        }
    }
}

/// `None` if it is no request of HTTP/1.1.
fn parse(head: &[u8]) -> Option<http::Request<()>> {
    let mut lines = str::from_utf8(head).ok()?.split("\r\n");
    let mut words = lines.next()?.split(' ');
    let (method, path, version) = (words.next()?, words.next()?, words.next()?);
    if version != "HTTP/1.1" || words.next().is_some() {
        return None;
    }
    let mut request = http::Request::builder().method(method).uri(path).version(http::Version::HTTP_11);
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(':')?;
        request = request.header(name, value.trim());
    }
    request.body(()).ok()
}

/// The answer of a server on `port` to the request.
pub fn answer(request: &http::Request<()>, port: u16) -> Answer {
    let one = |name: http::HeaderName| {
        let mut values = request.headers().get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or("?"));
        if values.next().is_some() { Some("?") } else { first }
    };
    // A browser leaves out the port 80.
    let is_own = |host: &str| {
        let (name, asked) = host.split_once(':').unwrap_or((host, "80"));
        ["127.0.0.1", "localhost"].contains(&name) && asked == port.to_string()
    };
    let Some(host) = one(http::header::HOST).filter(|host| is_own(host)) else {
        return Answer::Refused(
            421,
            "this server is asked by the name 127.0.0.1 or localhost, with its port",
        );
    };
    let origin = one(http::header::ORIGIN);
    if origin.is_some_and(|origin| origin != format!("http://{host}")) {
        return Answer::Refused(403, "only this server's own page may ask it");
    }
    if request.method() != http::Method::GET {
        return Answer::Refused(405, "this server answers GET alone");
    }
    match (request.uri().to_string().as_str(), origin) {
        ("/", _) => Answer::Page,
        ("/stream", Some(_)) => Answer::Stream,
        ("/stream", None) => Answer::Refused(403, "only this server's own page may have the stream"),
        _ => Answer::Refused(404, "this server has one page"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(head: &str) -> Answer {
        answer(&read(head.replace('\n', "\r\n").as_bytes()).unwrap(), 8080)
    }

    #[test]
    fn the_page_and_its_stream() {
        assert_eq!(answered("GET / HTTP/1.1\nHost: 127.0.0.1:8080\n\n"), Answer::Page);
        assert_eq!(answered("GET / HTTP/1.1\nhost:localhost:8080\n\n"), Answer::Page);
        let stream = "GET /stream HTTP/1.1\nHost: localhost:8080\nOrigin: http://localhost:8080\n\n";
        assert_eq!(answered(stream), Answer::Stream);
    }

    #[test]
    fn browsers_leave_out_port_80() {
        let request = read("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".as_bytes()).unwrap();
        assert_eq!(answer(&request, 80), Answer::Page);
        assert!(matches!(answer(&request, 8080), Answer::Refused(421, _)));
    }

    #[test]
    fn a_body_is_not_waited_for() {
        let post = "POST / HTTP/1.1\nHost: localhost:8080\nContent-Length: 9\n\nsome text";
        assert!(matches!(answered(post), Answer::Refused(405, _)));
    }

    #[test]
    fn the_host_must_be_this_one() {
        for host in [
            "",
            "Host: evil.example:8080\n",
            "Host: 127.0.0.1\n",
            "Host: 127.0.0.1:81\n",
            "Host: 127.0.0.1:8080.evil.example\n",
            "Host: 127.0.0.1:8080\nHost: 127.0.0.1:8080\n",
            "X-Host: 127.0.0.1:8080\n",
        ] {
            let refused = answered(&format!("GET / HTTP/1.1\n{host}\n"));
            assert!(matches!(refused, Answer::Refused(421, _)), "{host}: {refused:?}");
        }
    }

    #[test]
    fn the_origin_must_be_this_one() {
        for origin in [
            "http://evil.example",
            "http://127.0.0.1",
            "https://127.0.0.1:8080",
            "http://localhost:8080",
            "null",
            "http://127.0.0.1:8080\nOrigin: http://127.0.0.1:8080",
        ] {
            for path in ["/", "/stream"] {
                let refused =
                    answered(&format!("GET {path} HTTP/1.1\nHost: 127.0.0.1:8080\nOrigin: {origin}\n\n"));
                assert!(matches!(refused, Answer::Refused(403, _)), "{origin}: {refused:?}");
            }
        }
        let refused = answered("GET /stream HTTP/1.1\nHost: 127.0.0.1:8080\n\n");
        assert!(matches!(refused, Answer::Refused(403, _)), "{refused:?}");
    }

    #[test]
    fn nothing_else_is_served() {
        let status = |line: &str| match answered(&format!("{line} HTTP/1.1\nHost: localhost:8080\n\n")) {
            Answer::Refused(status, _) => status,
            served => panic!("{line}: {served:?}"),
        };
        for path in ["/x", "//", "/../etc/passwd", "/?x", "/stream/", "http://localhost:8080/", "*"] {
            assert_eq!(
                status(&format!("GET {path}")),
                if path.ends_with("stream") { 403 } else { 404 },
                "{path}"
            );
        }
        assert_eq!(["POST /", "HEAD /", "OPTIONS /stream"].map(status), [405; 3]);
    }

    #[test]
    fn what_is_no_request() {
        let long = format!("GET / HTTP/1.1\r\nX: {}", "x".repeat(2 * LONGEST));
        for head in [
            "",
            "GET / HTTP/1.1\r\n",
            "GET /\r\n\r\n",
            "GET / HTTP/1.0\r\n\r\n",
            "GET / x HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nno colon\r\n\r\n",
            "GET / HTTP/1.1\r\nbad name: x\r\n\r\n",
            "\u{16}\u{3}\u{1}\r\n\r\n",
            &long,
        ] {
            assert!(read(head.as_bytes()).is_err(), "{head:.40}");
        }
    }
}
