//! The part of a backend that only this benchmark has: its peers.

use crate::common::Failure;
use crate::common::turns::Contestant;
use crate::workload::Workload;
use gpumem::{Backend, Buffer, Device, DeviceBuilder, Error};
use std::rc::Rc;

/// A backend that is measured.
pub(crate) trait Subject: Backend {
    /// Sizes of live buffers that are grown by 30 %.
    const GROWN: [usize; 3];
    /// The last size of growth in steps of 1.3.
    const LAST: usize;

    fn open(settings: DeviceBuilder) -> Result<Device<Self>, Error>;

    /// The address of the elements.
    fn address(buffer: &Buffer<u8, Self>) -> Result<u64, Error>;

    /// The allocators that it is compared with.
    fn peers() -> Result<Peers, Failure>;

    /// Other ways to change the length of an array of `len` numbers by one, `times` times. Nanoseconds each.
    fn resizers(len: usize, times: usize) -> Vec<Contestant<1>>;
}

/// The allocators that a backend is compared with.
pub(crate) struct Peers {
    pub(crate) allocators: Vec<Rc<dyn Peer>>,
    pub(crate) growers: Vec<Rc<dyn Grower>>,
}

/// Another allocator.
pub(crate) trait Peer: Workload {
    fn name(&self) -> &'static str;

    /// Whether it is far too slow for the mix. Then it also gets fewer chunks and a smaller crowd.
    fn is_slow(&self) -> bool {
        false
    }

    /// Gives its free memory back, and resets its peak.
    fn reset(&self) -> Result<(), Failure> {
        Ok(())
    }

    /// The most bytes that it has held since the reset, if it reports them.
    fn peak_held(&self) -> Option<u64> {
        None
    }
}

/// Another way to make a live array longer.
pub(crate) trait Grower {
    fn name(&self) -> &'static str;

    /// Makes an array of the first size, then grows it to each of the other sizes in turn, and fills it at
    /// each size. Returns the microseconds of all growth, without the fills.
    fn grow(&self, sizes: &[usize]) -> Result<f64, Failure>;
}

/// Opens a device for one measurement and closes it afterwards, which fails if anything is left. All memory
/// is back with the driver before the next measurement begins.
pub(crate) fn on_device<B: Subject, R>(
    settings: DeviceBuilder,
    work: impl FnOnce(&Device<B>) -> Result<R, Failure>,
) -> Result<R, Failure> {
    let device = B::open(settings)?;
    let result = work(&device);
    device.trim(0)?;
    device.close()?;
    result
}
