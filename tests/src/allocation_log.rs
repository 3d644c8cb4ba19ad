//! RMM's allocation log, read as its own parser reads it.

use gpumem::{Backend, Device};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

/// The content of a log.
#[derive(Debug, Default)]
pub struct AllocationLog {
    /// Bytes of the blocks that are left, by address.
    pub live: BTreeMap<u64, u64>,
    /// Blocks that were taken.
    pub taken: usize,
    /// Requests that failed.
    pub failed: usize,
}

impl AllocationLog {
    /// The log of a device now.
    ///
    /// # Panics
    ///
    /// If the device does not record, or the log is wrong: see [`Self::read`].
    #[must_use]
    pub fn of<B: Backend>(device: &Device<B>) -> Self {
        static FILES: AtomicU64 = AtomicU64::new(0);
        let name = format!("gpumem-log-{}-{}.csv", std::process::id(), FILES.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        device.timeline().expect("the device records").write_to(&path).expect("it can be written");
        let text = std::fs::read_to_string(&path).expect("it was written");
        std::fs::remove_file(path).expect("it is there");
        Self::read(&text)
    }

    /// Reads a log.
    ///
    /// # Panics
    ///
    /// If a line is not as RMM writes it, if a block is taken that is there already, or if one is given back
    /// that is not there.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut lines = text.lines();
        assert_eq!(lines.next(), Some("Thread,Time,Action,Pointer,Size,Stream"));
        let number = |text: &str| text.parse::<u64>().unwrap_or_else(|_| panic!("`{text}` is no number"));
        let mut log = Self::default();
        for line in lines {
            let columns: Vec<_> = line.split(',').collect();
            let [thread, time, action, pointer, size, stream] = columns[..] else { panic!("{line}") };
            let _ = number(thread);
            let parts: Vec<u64> = time.split(':').map(number).collect();
            assert!(matches!(parts[..], [0..24, 0..60, 0..60, 0..1_000_000]) && time.len() == 15, "{line}");
            let digits = pointer.strip_prefix("0x").unwrap_or_else(|| panic!("{line}"));
            let pointer = u64::from_str_radix(digits, 16).unwrap_or_else(|_| panic!("{line}"));
            assert_eq!(number(stream), 0);
            match action {
                "allocate" => {
                    assert_eq!(log.live.insert(pointer, number(size)), None, "{line}");
                    log.taken += 1;
                }
                "free" => assert_eq!(log.live.remove(&pointer), Some(number(size)), "{line}"),
                "allocate failure" => log.failed += 1,
                _ => panic!("{line}"),
            }
        }
        log
    }

    /// The sizes of the blocks that are left, the smallest first.
    #[must_use]
    pub fn sizes(&self) -> Vec<u64> {
        let mut sizes: Vec<_> = self.live.values().copied().collect();
        sizes.sort_unstable();
        sizes
    }
}
