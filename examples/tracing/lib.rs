//! Sends the spans and events of a device to OpenTelemetry (`to_opentelemetry.rs`, its test is
//! `collected.rs`) and to NVIDIA's profilers (`to_nvtx.rs`, its test is `profiled.rs`).

use gpumem::{Buffer, Device};
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::level_filters::LevelFilter;
use tracing::{Subscriber, info_span};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry;

/// A step of a program: its own span is around those of the device.
///
/// # Errors
///
/// Those of the device.
pub fn step(device: &Device) -> gpumem::Result<Vec<f32>> {
    let _step = info_span!("step").entered();
    let mut heights = Buffer::from_slice(device, "heights", &[1.0_f32; 1_000])?;
    heights.resize(5_000)?; // moves to a larger block
    device.launch((&mut heights,), |(heights,)| heights.iter_mut().for_each(|height| *height += 1.0))?;
    heights.download()
}

/// A subscriber that gives spans, with the events inside of them, to `provider`. Allocations are below the
/// level.
pub fn to_opentelemetry(provider: &SdkTracerProvider) -> impl Subscriber + Send + Sync + use<> {
    let tracer = provider.tracer("gpumem-example");
    registry().with(LevelFilter::DEBUG).with(tracing_opentelemetry::layer().with_tracer(tracer))
}

/// A subscriber for profilers such as Nsight Systems: a span is a range, an event is a mark, and the target
/// `gpumem` is a domain.
#[cfg(feature = "nvtx")]
pub fn to_nvtx() -> impl Subscriber + Send + Sync {
    registry().with(LevelFilter::DEBUG).with(nvtx::tracing::NvtxLayer::default())
}
