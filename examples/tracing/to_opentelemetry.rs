//! Prints the spans of a few steps: `cargo run --bin to-opentelemetry` in this folder. A service has the
//! exporter of `opentelemetry-otlp` in place of [`Printer`].

use gpumem::Device;
use gpumem_example_tracing::{step, to_opentelemetry};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::error::Error;

#[derive(Debug)]
struct Printer;

impl SpanExporter for Printer {
    async fn export(&self, spans: Vec<SpanData>) -> OTelSdkResult {
        for span in spans {
            let time = span.end_time.duration_since(span.start_time).unwrap_or_default();
            println!("{} took {time:?}, with {} events", span.name, span.events.len());
        }
        Ok(())
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let provider = SdkTracerProvider::builder().with_simple_exporter(Printer).build();
    tracing::subscriber::set_global_default(to_opentelemetry(&provider))?;
    let device = Device::host(); // or `Device::cuda(0)?`
    for _ in 0..3 {
        step(&device)?;
    }
    provider.shutdown()?;
    Ok(())
}
