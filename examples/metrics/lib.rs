//! Serves the metrics of devices to Prometheus. `main.rs` is the program, `scrape.rs` its test.

use gpumem::{Backend, Device};
use metrics_exporter_prometheus::{BuildError, PrometheusBuilder, PrometheusHandle};
use metrics_util::MetricKindMask;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Installs the recorder of the program. It forgets gauges that no scrape has renewed for a minute: those of
/// names of which no buffer is left.
///
/// # Errors
///
/// If the program has a recorder.
pub fn recorder() -> Result<PrometheusHandle, BuildError> {
    let builder = PrometheusBuilder::new();
    builder.idle_timeout(MetricKindMask::GAUGE, Some(Duration::from_secs(60))).install_recorder()
}

/// Answers scrapes of `listener` for as long as the program runs. Each answer has the figures of that moment.
///
/// # Errors
///
/// Those of the listener. A scrape that is broken off is no error.
pub fn serve<B: Backend>(
    listener: &TcpListener,
    device: &Device<B>,
    exporter: &PrometheusHandle,
) -> std::io::Result<()> {
    for connection in listener.incoming() {
        // The scraper went away: the next one is served.
        let _ = answer(connection?, device, exporter);
    }
    Ok(())
}

fn answer<B: Backend>(
    mut connection: TcpStream,
    device: &Device<B>,
    exporter: &PrometheusHandle,
) -> std::io::Result<()> {
    let mut request = BufReader::new(connection.try_clone()?).lines();
    let first = request.next().transpose()?.unwrap_or_default();
    while request.next().transpose()?.is_some_and(|line| !line.is_empty()) {}
    let (status, body) = if first.starts_with("GET /metrics ") {
        device.publish_metrics("gpu0");
        ("200 OK", exporter.render())
    } else {
        ("404 Not Found", String::new())
    };
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
}
