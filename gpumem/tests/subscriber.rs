//! What a subscriber of `tracing` gets, and what it may do.

use gpumem::{Async, Buffer, BufferSpec, Device, Error, Host};
use std::fmt::{self, Write};
use std::hint::spin_loop;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context as Task, Poll, Waker};
use std::time::{Duration, Instant};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber, info_span};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt};
use tracing_subscriber::registry::{self, LookupSpan, Registry};

/// Writes lines of what it gets.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<String>>>);

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        // The text is for people, and times vary.
        match field.name() {
            "message" => {}
            "waited_ms" => self.0.push_str(" waited_ms"),
            name => write!(self.0, " {name}={value:?}").unwrap(),
        }
    }
}

impl Lines {
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn push(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }

    fn subscriber(&self) -> impl Subscriber + use<> {
        registry().with(self.clone())
    }
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        assert_eq!(event.metadata().target(), "gpumem");
        let mut fields = Fields(format!("{} {}", event.metadata().level(), event.metadata().name()));
        event.record(&mut fields);
        if let Some(span) = context.lookup_current() {
            write!(fields.0, " in {}", span.name()).unwrap();
        }
        self.push(fields.0);
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        let mut fields = Fields(format!("new {}", span.metadata().name()));
        span.record(&mut fields);
        self.push(fields.0);
    }

    fn on_enter(&self, _: &Id, _: Context<'_, S>) {
        self.push("enter".into());
    }

    fn on_exit(&self, _: &Id, _: Context<'_, S>) {
        self.push("exit".into());
    }

    fn on_close(&self, _: Id, _: Context<'_, S>) {
        self.push("close".into());
    }
}

fn registry() -> Registry {
    registry::Registry::default()
}

#[test]
fn events_tell_what_happens_to_memory() -> Result<(), Error> {
    let lines = Lines::default();
    with_default(lines.subscriber(), || {
        let device = Device::builder().memory_limit(8 << 20).on_pressure(|_| ()).host()?;
        let mut cells = Buffer::<u8>::with_capacity(&device, "cells", 100)?;
        cells.reserve(1_000)?;
        drop(cells);
        let mut large = Buffer::<u8>::with_capacity(&device, "large", 4 << 20)?;
        large.reserve(6 << 20)?;
        assert!(matches!(
            Buffer::<u8>::with_capacity(&device, "more", 7 << 20),
            Err(Error::DeviceLimit { .. })
        ));
        drop(large);
        device.trim(0)?;
        Ok::<(), Error>(())
    })?;
    let expected = [
        "TRACE allocated buffer=\"cells\" bytes=100",
        "TRACE allocated buffer=\"cells\" bytes=1000",
        "DEBUG grown by copy buffer=\"cells\" before=100 bytes=1000",
        "TRACE dropped buffer=\"cells\" bytes=1000",
        "TRACE allocated buffer=\"large\" bytes=4194304",
        "TRACE grown in place buffer=\"large\" before=4194304 bytes=6291456",
        "DEBUG pressure requested=7340032 live=6291456 limit=8388608 limited=true",
        "TRACE dropped buffer=\"large\" bytes=6291456",
        "new trim retain=0",
        "enter",
        "DEBUG trimmed retain=0 bytes=8388608 in trim",
        "exit",
        "close",
    ];
    assert_eq!(lines.take(), expected);
    Ok(())
}

#[test]
fn failures_are_told_once_and_lost_memory_at_the_end() -> Result<(), Error> {
    let lines = Lines::default();
    with_default(lines.subscriber(), || {
        let device = Device::host();
        let cells = Buffer::<u8>::with_capacity(&device, "cells", 100)?;
        lines.take();
        device.launch((), |()| std::panic::resume_unwind(Box::new("a mistake")))?;
        assert!(device.synchronize().is_err() && device.synchronize().is_err());
        drop(cells);
        drop(device);
        Ok::<(), Error>(())
    })?;
    let expected = [
        "ERROR failed device=\"host\"",
        "TRACE dropped buffer=\"cells\" bytes=100",
        "ERROR lost bytes=2097152",
    ];
    assert_eq!(lines.take(), expected);
    Ok(())
}

#[cfg(feature = "testing")]
#[test]
fn what_the_device_does_when_the_driver_has_no_memory_is_told() -> Result<(), Error> {
    let faults = gpumem::testing::Faults::new();
    let device = Device::builder().faults(&faults).host()?;
    drop(Buffer::<u8>::with_capacity(&device, "spare", 4 << 20)?);
    let lines = Lines::default();
    with_default(lines.subscriber(), || {
        faults.fail_driver(0..1);
        Buffer::<u8>::with_capacity(&device, "large", 8 << 20).map(drop)
    })?;
    let expected = [
        "new reclaim requested=8388608",
        "enter",
        "DEBUG reclaimed buffer=\"large\" requested=8388608 bytes=4194304 in reclaim",
        "exit",
        "close",
        "TRACE allocated buffer=\"large\" bytes=8388608",
        "TRACE dropped buffer=\"large\" bytes=8388608",
    ];
    assert_eq!(lines.take(), expected);
    Ok(())
}

#[test]
fn transfers_are_spans_inside_the_span_of_the_application() -> Result<(), Error> {
    let device = Device::host();
    let lines = Lines::default();
    with_default(lines.subscriber(), || {
        let _loading = info_span!("load_scene").entered();
        let cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
        assert_eq!(device.live_buffers()[0].span(), Some("load_scene"));
        let Err(Error::Leaked(report)) = device.check_leaks() else { panic!("`cells` is alive") };
        assert!(report.to_string().contains(" in span `load_scene`\n"), "{report}");
        cells.download().map(drop)
    })?;
    let allocated = "TRACE allocated buffer=\"cells\" bytes=12 in load_scene";
    let dropped = "TRACE dropped buffer=\"cells\" bytes=12 in load_scene";
    let [upload, download] =
        ["upload", "download"].map(|name| format!("new {name} buffer=\"cells\" bytes=12"));
    let expected = [
        "new load_scene",
        "enter",
        allocated,
        &upload,
        "enter",
        "exit",
        "close",
        &download,
        "enter",
        "exit",
        "close",
        dropped,
        "exit",
        "close",
    ];
    assert_eq!(lines.take(), expected);
    Ok(())
}

#[test]
fn what_is_made_without_a_subscriber_or_outside_of_spans_has_no_span() -> Result<(), Error> {
    let device = Device::host();
    let first = Buffer::from_slice(&device, "first", &[1])?;
    let second = with_default(registry(), || Buffer::from_slice(&device, "second", &[1]))?;
    assert!(device.live_buffers().iter().all(|held| held.span().is_none()));
    drop((first, second));
    Ok(())
}

/// Longer than a wait that is no event.
fn while_it_waits() {
    let began = Instant::now();
    while began.elapsed() < Duration::from_millis(2) {
        spin_loop();
    }
}

#[test]
fn long_waits_for_slots_are_events() -> Result<(), Error> {
    let device = Device::host();
    let spec = BufferSpec::new("frame").slots(1);
    let frame: Buffer<u8, Host, Async> = Buffer::from_slice(&device, spec, &[1, 2])?.into_async();
    let lines = Lines::default();
    let long = ["INFO slow wait buffer=\"frame\" waited_ms"];
    with_default(lines.subscriber(), || {
        let guard = frame.start_download()?.wait()?;
        std::thread::scope(|scope| {
            let device = &device;
            scope.spawn(move || {
                while device.stats().slot_waits == 0 {
                    spin_loop();
                }
                while_it_waits();
                drop(guard);
            });
            frame.start_download_when_free().wait().map(drop)
        })?;
        assert_eq!(lines.take(), long, "a thread");
        device.synchronize()?;
        let guard = frame.start_download()?.wait()?;
        let mut start = pin!(frame.start_download_when_free());
        let mut task = Task::from_waker(Waker::noop());
        assert!(start.as_mut().poll(&mut task).is_pending());
        while_it_waits();
        drop(guard);
        let Poll::Ready(ticket) = start.poll(&mut task) else { panic!("the slot is free") };
        ticket?;
        assert_eq!(lines.take(), long, "a task");
        Ok(())
    })
}

/// Panics in each call.
struct Panics;

impl Subscriber for Panics {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(7)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, _: &Event<'_>) {
        panic!("an event")
    }

    fn enter(&self, _: &Id) {
        panic!("enter")
    }

    fn exit(&self, _: &Id) {
        panic!("exit")
    }

    fn try_close(&self, _: Id) -> bool {
        panic!("close")
    }
}

#[test]
fn a_subscriber_may_panic() -> Result<(), Error> {
    let device = Device::host();
    with_default(Panics, || {
        let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
        cells.reserve(1_000)?;
        assert_eq!(cells.download()?, [1, 2, 3]);
        drop(cells);
        device.trim(0).map(drop)
    })?;
    assert_eq!(device.stats().held_bytes, 0);
    device.close()
}

/// Sends each event and span through a buffer of the device.
struct Uses(Device, Lines);

impl Uses {
    fn device(&self, what: &str) {
        let copy = Buffer::from_slice(&self.0, "line", what.as_bytes()).unwrap();
        assert_eq!(copy.download().unwrap(), what.as_bytes());
        drop(copy);
        self.0.trim(0).unwrap();
        self.1.push(what.to_owned());
    }
}

impl<S: Subscriber> Layer<S> for Uses {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        self.device(event.metadata().name());
    }

    fn on_new_span(&self, span: &Attributes<'_>, _: &Id, _: Context<'_, S>) {
        self.device(span.metadata().name());
    }
}

/// It would be called for what it does, without an end, and wait for locks that are held around it.
#[test]
fn a_subscriber_may_use_the_device() -> Result<(), Error> {
    let device = Device::host();
    let lines = Lines::default();
    with_default(registry().with(Uses(device.clone(), lines.clone())), || {
        let mut cells = Buffer::from_slice(&device, "cells", &[1_u32, 2, 3])?;
        cells.reserve(1_000)?;
        assert_eq!(cells.download()?, [1, 2, 3]);
        drop(cells);
        device.trim(0).map(drop)
    })?;
    let expected =
        ["allocated", "upload", "allocated", "grown by copy", "download", "dropped", "trim", "trimmed"];
    assert_eq!(lines.take(), expected);
    Ok(())
}
