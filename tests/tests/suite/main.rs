//! The behavioural suite: the behaviour that every backend must have, run on each of them.
//!
//! A case is a function over the backend. [`on_each_backend`] before it makes one test per backend. A case
//! without the macro is a function that is never called, which does not compile here. The tests are called
//! `MODULE::CASE::host` and `MODULE::CASE::cuda`, so that the word `cuda` runs those of the card.

#![deny(dead_code)]

mod awaits;
mod cancellation;
mod constructors;
mod contents;
mod downloads;
mod frame_queues;
mod frames;
mod frames_of_sets;
mod growth;
mod interleavings;
mod leaks;
mod ledger;
mod limits;
mod named;
mod pressure;
mod random_operations;
mod rearranging;
mod reference_model;
mod segments;
mod sets;
mod slots;
mod statistics;
mod statistics_model;
mod tasks;
mod tearing;
mod threads;
mod timelines;
mod transfers;
mod typed_kernels;
mod uploads;

/// Makes a test of a case on each backend. The case gets a function that opens devices, so that it can set
/// limits.
macro_rules! on_each_backend {
    ($case:ident) => {
        mod $case {
            #[test]
            fn host() {
                super::$case::<gpumem::Host>(&gpumem_tests::TestBackend::open);
            }

            #[cfg(feature = "cuda")]
            #[test]
            fn cuda() {
                let _turn = gpumem_tests::cuda::turn();
                super::$case::<gpumem::Cuda>(&gpumem_tests::TestBackend::open);
            }
        }
    };
}
use on_each_backend;

/// The function by which a case opens a device. `None` if the machine has none.
type Open<'a, B> = &'a dyn Fn(gpumem::DeviceBuilder) -> Option<gpumem::Device<B>>;

/// Opens a device with default settings, or ends the case.
macro_rules! open {
    ($open:expr) => {
        open!($open, gpumem::Device::builder())
    };
    ($open:expr, $builder:expr) => {
        match $open($builder) {
            Some(device) => device,
            None => return,
        }
    };
}
use open;

/// A place in a test. It is printed when the test panics there.
struct Told(String);

impl Drop for Told {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("this was in {}", self.0);
        }
    }
}
