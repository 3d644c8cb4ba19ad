//! RMM's allocation log, read as its own parser reads it.

use crate::recording::Folder;
use gpumem::Device;
use std::collections::BTreeMap;

#[derive(Debug, Default)]
pub(crate) struct Log {
    /// Bytes of the blocks that are left, by address.
    pub(crate) live: BTreeMap<u64, u64>,
    pub(crate) taken: usize,
    pub(crate) failed: usize,
}

impl Log {
    /// The log of a device now. It panics if a block is taken that is there already, or given back that is
    /// not.
    pub(crate) fn of(device: &Device, folder: &Folder) -> Self {
        let path = folder.file("log.csv");
        device.timeline().expect("it records").write_to(&path).unwrap();
        Self::read(&std::fs::read_to_string(path).unwrap())
    }

    pub(crate) fn read(text: &str) -> Self {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("Thread,Time,Action,Pointer,Size,Stream"));
        let mut log = Self::default();
        for line in lines {
            let columns: Vec<_> = line.split(',').collect();
            let [thread, time, action, pointer, size, stream] = columns[..] else { panic!("{line}") };
            thread.parse::<usize>().unwrap();
            let parts: Vec<u32> = time.split(':').map(|part| part.parse().unwrap()).collect();
            assert!(matches!(parts[..], [0..24, 0..60, 0..60, 0..1_000_000]) && time.len() == 15, "{line}");
            let pointer = u64::from_str_radix(pointer.strip_prefix("0x").unwrap(), 16).unwrap();
            let (size, stream): (u64, u64) = (size.parse().unwrap(), stream.parse().unwrap());
            assert_eq!(stream, 0);
            match action {
                "allocate" => {
                    assert_eq!(log.live.insert(pointer, size), None, "{line}");
                    log.taken += 1;
                }
                "free" => assert_eq!(log.live.remove(&pointer), Some(size), "{line}"),
                "allocate failure" => log.failed += 1,
                _ => panic!("{line}"),
            }
        }
        log
    }
}
