//! Scrapes the example as Prometheus does, and reads the text by the rules of its format.

use gpumem::{Buffer, Device};
use gpumem_example_metrics::{recorder, serve};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};

/// The samples of an exposition, by name and labels, and the types of the families.
#[derive(Default)]
struct Exposition {
    samples: BTreeMap<String, f64>,
    types: BTreeMap<String, String>,
    helped: BTreeSet<String>,
}

fn is_name(name: &str) -> bool {
    let first = |c: char| c.is_ascii_alphabetic() || c == '_' || c == ':';
    name.starts_with(first) && name.chars().all(|c| first(c) || c.is_ascii_digit())
}

impl Exposition {
    /// Reads the text format 0.0.4 strictly: a type before the samples of each family, each sample once, and
    /// a line feed at the end.
    fn read(text: &str) -> Self {
        let mut exposition = Self::default();
        assert!(text.ends_with('\n'), "the last line has no end");
        for line in text.lines().filter(|line| !line.is_empty()) {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').expect("a name and its help");
                assert!(is_name(name) && !help.is_empty(), "{line}");
                assert!(exposition.helped.insert(name.to_owned()), "twice: {line}");
            } else if let Some(rest) = line.strip_prefix("# TYPE ") {
                let (name, kind) = rest.split_once(' ').expect("a name and its type");
                assert!(is_name(name) && ["counter", "gauge"].contains(&kind), "{line}");
                assert!(exposition.types.insert(name.to_owned(), kind.to_owned()).is_none(), "twice: {line}");
            } else {
                exposition.sample(line);
            }
        }
        exposition
    }

    fn sample(&mut self, line: &str) {
        let (series, value) = line.rsplit_once(' ').expect("a sample and its value");
        let (name, labels) = series.split_once('{').expect("all of them have labels");
        assert!(is_name(name) && self.types.contains_key(name), "without a type: {line}");
        let labels = labels.strip_suffix('}').expect("closed");
        let labels: BTreeMap<_, _> = labels.split(',').map(label).collect();
        let labels: Vec<String> = labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let value: f64 = value.parse().expect("a number");
        let series = format!("{name}{{{}}}", labels.join(","));
        assert!(self.samples.insert(series, value).is_none(), "twice: {line}");
    }

    fn get(&self, series: &str) -> f64 {
        *self.samples.get(series).unwrap_or_else(|| panic!("{series} is not in {:#?}", self.samples))
    }
}

/// A label and its value, which has no character that would have to be escaped.
fn label(text: &str) -> (&str, &str) {
    let (name, value) = text.split_once('=').expect("a name and a value");
    let value = value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).expect("quotes");
    assert!(is_name(name) && !value.contains(['"', '\\']), "{text}");
    (name, value)
}

fn get(address: SocketAddr, path: &str) -> (String, String) {
    let mut connection = TcpStream::connect(address).unwrap();
    write!(connection, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

#[test]
fn a_scrape_has_the_figures_of_that_moment() {
    let exporter = recorder().unwrap();
    let device = Device::builder().memory_limit(10_000).host().unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (address, served) = (listener.local_addr().unwrap(), device.clone());
    std::thread::spawn(move || serve(&listener, &served, &exporter));

    let cells = Buffer::from_slice(&device, "cells", &[1_u32; 100]).unwrap();
    let more = Buffer::from_slice(&device, "cells", &[1_u32; 50]).unwrap();
    assert!(Buffer::<u8>::with_capacity(&device, "large", 10_000).is_err());
    let (head, body) = get(address, "/metrics");
    assert!(head.starts_with("HTTP/1.1 200 OK") && head.contains("version=0.0.4"), "{head}");
    let scraped = Exposition::read(&body);
    assert_eq!(scraped.get("gpumem_live_bytes{buffer=cells,device=gpu0,set=}"), 600.0);
    assert_eq!(scraped.get("gpumem_live_buffers{buffer=cells,device=gpu0,set=}"), 2.0);
    assert_eq!(scraped.get("gpumem_device_live_bytes{device=gpu0}"), 600.0);
    assert_eq!(scraped.get("gpumem_device_limit_bytes{device=gpu0}"), 10_000.0);
    assert_eq!(scraped.get("gpumem_uploaded_bytes_total{device=gpu0}"), 600.0);
    assert_eq!(scraped.get("gpumem_errors_total{device=gpu0,kind=DeviceLimit}"), 1.0);
    assert_eq!(scraped.types["gpumem_allocations_total"], "counter");
    assert_eq!(scraped.types["gpumem_device_held_bytes"], "gauge");
    let (types, helped) =
        (scraped.types.keys().collect::<Vec<_>>(), scraped.helped.iter().collect::<Vec<_>>());
    assert_eq!(types, helped, "each family has a description");
    for (name, kind) in &scraped.types {
        assert_eq!(kind == "counter", name.ends_with("_total"), "{name}");
    }

    drop(more);
    cells.download().unwrap();
    let scraped = Exposition::read(&get(address, "/metrics").1);
    assert_eq!(scraped.get("gpumem_live_bytes{buffer=cells,device=gpu0,set=}"), 400.0);
    assert_eq!(scraped.get("gpumem_downloaded_bytes_total{device=gpu0}"), 400.0);
    assert!(get(address, "/").0.starts_with("HTTP/1.1 404"));
}
