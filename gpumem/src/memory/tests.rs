//! Protocols between threads that several files of this module have a part in.

use crate::Device;
use std::sync::mpsc;
use std::time::Duration;

// The gate in `Device::close`: the idle thread takes it before it takes a reference to the device state.
#[test]
fn the_idle_thread_is_waited_for_by_close() {
    let device = Device::host();
    let (state, gate) = (device.state().clone(), device.state().idle_gate());
    let (send, entered) = mpsc::channel();
    let idle = std::thread::spawn(move || {
        let gate = super::locks::lock(&gate);
        send.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        drop(state);
        drop(gate);
    });
    entered.recv().unwrap();
    device.close().unwrap();
    idle.join().unwrap();
}

// Memory that another thread is giving back is neither free nor to be had from the driver: a thread that
// finds none waits for it.
#[cfg(feature = "testing")]
#[test]
fn a_thread_that_finds_no_memory_waits_for_memory_on_its_way_back() {
    let faults = crate::testing::Faults::new();
    let device = Device::builder().faults(&faults).host().unwrap();
    let (send, obtained) = mpsc::channel();
    std::thread::scope(|scope| {
        let while_memory_is_on_its_way = |_| {
            // The driver has none at first.
            faults.fail_driver(0..1);
            scope
                .spawn(|| send.send(crate::Buffer::<u8>::with_capacity(&device, "block", 4 << 20).map(drop)));
            let early = obtained.recv_timeout(Duration::from_millis(100));
            assert!(early.is_err(), "it did not wait: {early:?}");
        };
        device.state().pool.trim(0, while_memory_is_on_its_way).unwrap();
        // All that was on its way has come back.
        obtained.recv().unwrap().unwrap();
    });
}

// A trim held the right to give memory back while it waited for kernels of the application, which may run for
// as long as they like. So a thread that had too much free memory waited for them too.
#[test]
fn a_trim_that_waits_for_the_application_keeps_no_thread_from_giving_memory_back() {
    let device = Device::host();
    let (state, stream) = (device.state().clone(), device.create_stream().unwrap());
    let (go, gate) = mpsc::channel::<()>();
    let buffer = crate::Buffer::from_slice(&device, "read", &[1_u8; 64]).unwrap();
    device.launch_on(&stream, (&buffer,), move |_| _ = gate.recv()).unwrap();
    drop(buffer);
    std::thread::scope(|scope| {
        let trim = scope.spawn(|| state.pool.trim(0, |_| ()));
        std::thread::sleep(Duration::from_millis(50));
        let (send, ended) = mpsc::channel();
        let state = &state;
        scope.spawn(move || {
            state.pool.shed_idle(Duration::from_secs(60));
            send.send(()).unwrap();
        });
        let waited = ended.recv_timeout(Duration::from_secs(10)).is_err();
        assert!(!trim.is_finished(), "the kernel runs");
        drop(go);
        trim.join().unwrap().unwrap();
        assert!(!waited, "it waited for the kernel");
    });
}
