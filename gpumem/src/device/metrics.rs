//! Metrics of a device, for the facade `metrics`.
//!
//! They are made of the statistics whenever the application asks for it. So no operation on a buffer costs
//! more with the feature than without.

use super::Device;
use crate::backend::Backend;
use crate::label::BufferLabel;
use crate::ledger::{DeviceStats, ErrorCounts};
use metrics::{Unit, counter, describe_counter, describe_gauge, gauge};
use std::collections::BTreeMap;

/// A figure of the device: its name, its unit, its description, and how it is read.
type Figure = (&'static str, Unit, &'static str, fn(&DeviceStats) -> u64);

/// Figures that go up and down.
const GAUGES: [Figure; 13] = [
    ("gpumem_device_live_bytes", Unit::Bytes, "Device memory that live buffers hold.", |s| s.live_bytes),
    ("gpumem_device_peak_bytes", Unit::Bytes, "The most that live buffers held.", |s| s.peak_bytes),
    ("gpumem_device_limit_bytes", Unit::Bytes, "The most that they may hold.", |s| s.limit_bytes),
    ("gpumem_device_retired_bytes", Unit::Bytes, "Dropped buffers that are in use.", |s| s.retired_bytes),
    ("gpumem_device_held_bytes", Unit::Bytes, "Memory taken from the driver.", |s| s.held_bytes),
    ("gpumem_device_peak_held_bytes", Unit::Bytes, "The most of it so far.", |s| s.peak_held_bytes),
    ("gpumem_device_retained_bytes", Unit::Bytes, "Memory that no buffer has.", |s| s.retained_bytes),
    ("gpumem_device_free_bytes", Unit::Bytes, "Memory free for any thread.", |s| s.free_bytes),
    ("gpumem_device_largest_free_bytes", Unit::Bytes, "Its largest piece.", |s| s.largest_free_bytes),
    ("gpumem_device_lost_bytes", Unit::Bytes, "Memory that the driver did not take back.", |s| s.lost_bytes),
    ("gpumem_device_pinned_bytes", Unit::Bytes, "Pinned memory of the host.", |s| s.pinned_bytes),
    ("gpumem_device_peak_pinned_bytes", Unit::Bytes, "The most of it so far.", |s| s.peak_pinned_bytes),
    ("gpumem_device_live_buffers", Unit::Count, "Live buffers.", |s| s.live_buffers),
];

/// Figures that only go up.
const COUNTERS: [Figure; 19] = [
    ("gpumem_allocations_total", Unit::Count, "Blocks given to buffers.", |s| s.allocations),
    ("gpumem_reused_total", Unit::Count, "Those without a call to the driver.", |s| s.reused),
    ("gpumem_frees_total", Unit::Count, "Blocks that buffers gave back.", |s| s.frees),
    ("gpumem_resizes_total", Unit::Count, "Changes of capacity.", |s| s.resizes),
    ("gpumem_grown_in_place_total", Unit::Count, "Growths where a buffer was.", |s| s.grown_in_place),
    ("gpumem_grown_by_copy_total", Unit::Count, "Growths that moved a buffer.", |s| s.grown_by_copy),
    ("gpumem_trims_total", Unit::Count, "Calls of trim and defragment.", |s| s.trims),
    ("gpumem_reclaims_total", Unit::Count, "Requests without memory of the driver.", |s| s.reclaims),
    ("gpumem_driver_calls_total", Unit::Count, "Calls for device memory.", |s| s.driver_calls),
    ("gpumem_driver_microseconds_total", Unit::Microseconds, "Time in calls for memory.", driver_time),
    ("gpumem_uploads_total", Unit::Count, "Transfers to the device.", |s| s.uploads),
    ("gpumem_uploaded_bytes_total", Unit::Bytes, "Bytes of uploads.", |s| s.uploaded_bytes),
    ("gpumem_downloads_total", Unit::Count, "Transfers to the host.", |s| s.downloads),
    ("gpumem_downloaded_bytes_total", Unit::Bytes, "Bytes of downloads.", |s| s.downloaded_bytes),
    ("gpumem_async_downloads_total", Unit::Count, "Async downloads started.", |s| s.async_downloads),
    ("gpumem_finished_downloads_total", Unit::Count, "Those whose data was taken.", |s| s.finished_downloads),
    ("gpumem_dropped_downloads_total", Unit::Count, "Those given up.", |s| s.dropped_downloads),
    ("gpumem_slot_waits_total", Unit::Count, "Waits for download slots.", |s| s.slot_waits),
    (ERRORS, Unit::Count, "Operations that ended with an error, by kind.", |s| s.errors.total()),
];

const ERRORS: &str = "gpumem_errors_total";
const LIVE_BYTES: &str = "gpumem_live_bytes";
const LIVE_BUFFERS: &str = "gpumem_live_buffers";

fn driver_time(stats: &DeviceStats) -> u64 {
    u64::try_from(stats.driver_time.as_micros()).unwrap_or(u64::MAX)
}

impl<B: Backend> Device<B> {
    /// Publishes the statistics of the device as metrics of the [`metrics`](https://docs.rs/metrics) facade.
    /// Call it when the metrics are read (before the exporter renders them), or from a timer.
    ///
    /// `device` is the label that tells the devices of the program apart, since two cards may have one name.
    /// Each field of [`DeviceStats`] is a metric: bytes are gauges, such as
    /// `gpumem_device_live_bytes{device}`, and counts are counters, such as
    /// `gpumem_allocations_total{device}`; `gpumem_errors_total` has the label `kind` too.
    ///
    /// The live buffers are `gpumem_live_bytes{device,set,buffer}` and
    /// `gpumem_live_buffers{device,set,buffer}`: buffers of one name are added up, and `set` is empty for a
    /// buffer of no set. The gauges of a name of which no buffer is left stay at their last value. So let the
    /// exporter forget gauges that are not renewed (`idle_timeout`), and use few names.
    ///
    /// The guide [`will_it_fit`](crate::guide::will_it_fit) has rules for alerts.
    ///
    /// It takes one snapshot of the statistics, lists the live buffers, and makes about 40 updates and two
    /// per name. Without a recorder it does nothing that can be seen.
    ///
    /// ```
    /// use gpumem::{Buffer, Device};
    ///
    /// let device = Device::host();
    /// let _cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
    /// device.publish_metrics("gpu0"); // gpumem_live_bytes{device="gpu0",set="",buffer="cells"} 12
    /// # Ok::<(), gpumem::Error>(())
    /// ```
    pub fn publish_metrics(&self, device: &str) {
        describe();
        let stats = self.stats();
        for (name, _, _, read) in GAUGES {
            gauge!(name, "device" => device.to_owned()).set(float(read(&stats)));
        }
        for (name, _, _, read) in COUNTERS.iter().filter(|figure| figure.0 != ERRORS) {
            counter!(*name, "device" => device.to_owned()).absolute(read(&stats));
        }
        for (kind, count) in ErrorCounts::named(&stats.errors) {
            counter!(ERRORS, "device" => device.to_owned(), "kind" => kind).absolute(count);
        }
        let mut names = BTreeMap::<_, (u64, u64)>::new();
        for buffer in self.live_buffers() {
            let set = buffer.label.as_ref().and_then(BufferLabel::set);
            let label = (set.unwrap_or("").to_owned(), buffer.name().to_owned());
            let (bytes, count) = names.entry(label).or_default();
            *bytes += buffer.bytes;
            *count += 1;
        }
        for ((set, buffer), (bytes, count)) in names {
            let labels = [("device", device.to_owned()), ("set", set), ("buffer", buffer)];
            gauge!(LIVE_BYTES, &labels).set(float(bytes));
            gauge!(LIVE_BUFFERS, &labels).set(float(count));
        }
    }
}

/// Tells the recorder the units and descriptions of all metrics. It may have been installed since the last
/// time.
fn describe() {
    for (name, unit, text, _) in GAUGES {
        describe_gauge!(name, unit, text);
    }
    for (name, unit, text, _) in COUNTERS {
        describe_counter!(name, unit, text);
    }
    describe_gauge!(LIVE_BYTES, Unit::Bytes, "Device memory that live buffers of this name hold.");
    describe_gauge!(LIVE_BUFFERS, Unit::Count, "Live buffers of this name.");
}

/// Gauges are floats, which are exact up to 2^53.
#[allow(clippy::cast_precision_loss)]
fn float(figure: u64) -> f64 {
    figure as f64
}
