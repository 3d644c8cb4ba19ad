//! Every call to the backend fails once: whatever the operation, the buffer is as it was.

use gpumem::testing::Faults;
use gpumem::{Async, Buffer, BufferSpec, Device, Error, GpuBuffers, Host};

type Frame = Buffer<[u32; 3], Host, Async>;
type Operation = fn(&mut Frame, &Buffer<[u32; 3]>) -> Result<(), Error>;

const DATA: [[u32; 3]; 100] = [[1, 2, 3]; 100];

#[test]
fn a_failed_operation_leaves_the_buffer_as_it_was() {
    let operations: [(&str, Operation); 17] = [
        ("resize", |buffer, _| buffer.resize(1_000)),
        ("resize within the capacity", |buffer, _| {
            buffer.truncate(100);
            buffer.resize(120)
        }),
        ("reserve", |buffer, _| buffer.reserve(1_000)),
        ("shrink", |buffer, _| buffer.shrink_to_fit()),
        ("upload more", |buffer, _| buffer.upload(&[[7; 3]; 1_000])),
        ("upload less", |buffer, _| buffer.upload(&[[7; 3]; 10])),
        ("write", |buffer, _| buffer.write(5, &[[7; 3]; 10])),
        ("extend", |buffer, _| buffer.extend_from_slice(&[[7; 3]; 1_000])),
        ("fill", |buffer, _| buffer.fill([7; 3])),
        ("copy", |buffer, other| buffer.copy_from(other)),
        ("copy to a view", |buffer, other| buffer.view_mut(..5)?.copy_from(&other.view(3..8)?)),
        ("download", |buffer, _| buffer.download().map(|data| assert_eq!(data, DATA))),
        ("start a download", |buffer, _| buffer.start_download()?.wait().map(|data| assert_eq!(*data, DATA))),
        ("slice", |buffer, _| buffer.as_slice().map(|data| assert_eq!(data, DATA))),
        ("write while a download runs", |buffer, _| {
            let running = buffer.start_download()?;
            let written = buffer.write(0, &[[8; 3]]);
            assert_eq!(*running.wait()?, DATA);
            written
        }),
        ("make another", |buffer, _| Frame::from_slice(buffer.device(), "another", &DATA).map(|_| ())),
        ("make one with a minimum", |buffer, _| {
            Frame::new(buffer.device(), BufferSpec::new("another").min(100)).map(|_| ())
        }),
    ];
    for (name, operation) in operations {
        let mut failures = 0;
        for call in 0.. {
            let faults = Faults::new();
            let device = Device::builder().faults(&faults).host().unwrap();
            let mut buffer: Frame = Buffer::with_capacity(&device, "buffer", 150).unwrap();
            buffer.extend_from_slice(&DATA).unwrap();
            let other = Buffer::from_slice(&device, "other", &[[9; 3]; 200]).unwrap();
            let before = (buffer.len(), buffer.capacity(), device.stats().live_buffers);
            device.synchronize().unwrap();

            faults.fail_at(call);
            let result = operation(&mut buffer, &other);
            let failed = faults.stop();
            let Err(error) = result else {
                if !failed {
                    break;
                }
                // The one thing that may go on: growth by the factor failed, and the exact need was granted.
                assert_eq!(
                    buffer.capacity(),
                    buffer.len(),
                    "{name}: call {call} failed, and nobody was told"
                );
                continue;
            };
            failures += 1;
            assert!(failed, "{name}: {error}");
            let after = (buffer.len(), buffer.capacity(), device.stats().live_buffers);
            assert_eq!((after.0, after.2), (before.0, before.2), "{name}, call {call}: {error}");
            if matches!(error, Error::OutOfMemory { .. } | Error::OutOfPinnedMemory { .. }) {
                assert_eq!(after.1, before.1, "{name}, call {call}: {error}");
            }
            assert_eq!(buffer.download().unwrap(), DATA, "{name}, call {call}: {error}");
            // And it goes on from there.
            buffer.extend_from_slice(&DATA).unwrap();
            assert_eq!(buffer.download().unwrap(), [DATA, DATA].concat(), "{name}, call {call}: {error}");
            drop((buffer, other));
            device.synchronize().unwrap();
            assert_eq!(device.stats().lost_bytes, 0, "{name}, call {call}: what was refused uses no memory");
            assert_eq!(
                (device.stats().live_bytes, device.stats().retired_bytes),
                (0, 0),
                "{name}, call {call}"
            );
        }
        let calls = match name {
            "slice" => 0,
            _ => 1,
        };
        assert!(failures >= calls, "{name} never failed: the test tests nothing");
    }
}

#[derive(GpuBuffers, Default)]
struct Pair {
    #[buffer(async)]
    first: Vec<u32>,
    second: Vec<u64>,
}

#[test]
fn a_failed_operation_leaves_the_whole_set_as_it_was() {
    let host = Pair { first: vec![1; 10], second: vec![2; 20] };
    for call in 0.. {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        faults.fail_at(call);
        let result = host.upload(&device);
        if !faults.stop() {
            break;
        }
        assert!(result.is_err());
        device.synchronize().unwrap();
        let stats = device.stats();
        assert_eq!((stats.live_buffers, stats.live_bytes, stats.retired_bytes), (0, 0, 0), "call {call}");
    }
    let more = Pair { first: vec![3; 1_000], second: vec![4; 1_000] };
    for call in 0..4 {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let mut gpu = host.upload(&device).unwrap();
        let before = (gpu.stats(), device.stats().live_bytes);
        faults.fail_at(call);
        let result = gpu.upload_from(&more);
        assert!(
            faults.stop() && result.is_err(),
            "call {call}: memory and pinned memory for each of the two"
        );
        device.synchronize().unwrap();
        assert_eq!((gpu.stats(), device.stats().live_bytes), before, "call {call}");
        let down = gpu.download().unwrap();
        assert_eq!((down.first, down.second), (vec![1; 10], vec![2; 20]), "call {call}");
    }
    for call in 0..2 {
        let faults = Faults::new();
        let device = Device::builder().faults(&faults).host().unwrap();
        let mut gpu = host.upload(&device).unwrap();
        let before = (gpu.stats(), device.stats().live_bytes);
        faults.fail_at(call);
        let error = gpu.resize(PairLens { first: 1_000, second: 1_000 }).unwrap_err();
        assert!(faults.stop() && matches!(error, Error::OutOfMemory { .. }), "call {call}: {error}");
        device.synchronize().unwrap();
        assert_eq!((gpu.stats(), device.stats().live_bytes), before, "call {call}");
        let down = gpu.download().unwrap();
        assert_eq!((down.first, down.second), (vec![1; 10], vec![2; 20]));
    }
}
