//! The cost of transfers: copies of all sizes, the start of a download, loops of frames and many downloads at
//! once, each against code that was written by hand, in the same process.
//!
//! ```sh
//! cargo bench -p gpumem --bench transfers [--features cuda|cust] [-- OPTIONS]
//! ```
//!
//! | option | |
//! | --- | --- |
//! | `--backend host` or `cuda` | only this backend; by default all that are built in and available |
//! | `--case TEXT` | only the cases whose name contains `TEXT` |
//! | `--quick` | one round of a tenth of the work, without copies of a GiB: tests that everything runs |
//! | `--json FILE` | writes one JSON object per line as well |
//!
//! Every measurement is taken five times (three times if it takes long), gpumem and its peers in turn, each
//! time on a device that was opened for it. The table has the medians. The ratio is gpumem's figure over the
//! peer's: rates are good above 1, times below.
//!
//! On the host, device memory is host memory, a transfer is a `memcpy` on a thread, and the peers are plain
//! copies and threads.

#[cfg(feature = "cuda")]
mod blocking;
#[cfg(feature = "cuda")]
mod by_hand;
mod cases;
// Neither benchmark uses all items.
#[allow(dead_code)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod handles;
mod host;
mod subject;
mod threads;
#[cfg(feature = "cust")]
mod with_cust;
mod workload;

use common::options::Options;
use common::report::Report;
use common::session::{Session, present};
use common::{Failure, report};
use gpumem::KernelBackend;
use std::time::Instant;
use subject::Subject;

fn main() -> Result<(), Failure> {
    let (options, ()) = Options::read(|_| Ok(()))?;
    let mut report = Report::new(options.json.as_deref())?;
    keep_no_heap();
    if options.wants("host") {
        run::<gpumem::Host>(&options, &mut report)?;
    }
    #[cfg(feature = "cuda")]
    if options.wants("cuda") {
        run::<gpumem::Cuda>(&options, &mut report)?;
    }
    #[cfg(not(feature = "cuda"))]
    if options.wants("cuda") {
        println!("\ncuda: not measured, since this is built without `--features cuda`");
    }
    Ok(())
}

/// Makes every large `Vec` a fresh one. By default glibc keeps the memory of some, depending on the sizes
/// that were freed before. So the order of the cases would decide the cost of a `Vec`.
fn keep_no_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: the call sets a number of the allocator.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// All cases on one backend, if it is available.
fn run<B: Subject + KernelBackend>(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let Some(device) = present(B::open())? else { return Ok(()) };
    let began = Instant::now();
    let mut session = Session::begin(options, report, &device, ());
    cases::launches::run::<B>(&mut session);
    cases::start::run::<B>(&mut session);
    cases::copies::run::<B>(&mut session);
    cases::staged::run::<B>(&mut session);
    cases::frames::run::<B>(&mut session);
    cases::crowd::run::<B>(&mut session);
    cases::awaits::run::<B>(&mut session);
    println!("\n{}: {:.0} s", report::name::<B>(), began.elapsed().as_secs_f64());
    Ok(())
}
