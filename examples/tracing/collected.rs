//! Collects what an exporter of OpenTelemetry gets.

use gpumem::Device;
use gpumem_example_tracing::{step, to_opentelemetry};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
struct Collector(Arc<Mutex<Vec<SpanData>>>);

impl SpanExporter for Collector {
    async fn export(&self, mut spans: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().append(&mut spans);
        Ok(())
    }
}

#[test]
fn the_spans_of_a_device_are_children_of_the_span_of_the_program() {
    let collector = Collector::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(collector.clone()).build();
    let heights = tracing::subscriber::with_default(to_opentelemetry(&provider), || step(&Device::host()));
    assert_eq!(heights.unwrap()[999..1_001], [2.0, 1.0]);
    provider.shutdown().unwrap();
    let spans = collector.0.lock().unwrap();
    let names: Vec<&str> = spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["upload", "download", "step"], "in the order of their ends");
    let [upload, download, step] = &spans[..] else { unreachable!() };
    for (span, bytes) in [(upload, "4000"), (download, "20000")] {
        assert_eq!(span.parent_span_id, step.span_context.span_id());
        assert!(step.start_time <= span.start_time && span.end_time <= step.end_time);
        let value = |key| {
            let found = span.attributes.iter().find(|attribute| attribute.key.as_str() == key);
            found.map(|attribute| attribute.value.to_string())
        };
        assert_eq!((value("buffer").as_deref(), value("bytes").as_deref()), (Some("heights"), Some(bytes)));
    }
    let [event] = &step.events[..] else { panic!("{:?}", step.events) };
    assert_eq!(event.name, "a buffer moved to a larger block");
}
