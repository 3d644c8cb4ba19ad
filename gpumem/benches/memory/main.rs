//! The cost of memory: the pool, whole buffers and growth, each against other allocators in the same process.
//!
//! ```sh
//! cargo bench -p gpumem --bench memory [--features cuda] [-- OPTIONS]
//! ```
//!
//! | option | |
//! | --- | --- |
//! | `--backend host` or `cuda` | only this backend; by default all that are built in and available |
//! | `--case TEXT` | only the cases whose name contains `TEXT` |
//! | `--cap MIB` | the most that lives in the random mix: 16000 by default, and less if there is less |
//! | `--replay FILE` | replays an allocation log of RMM's format, such as `Timeline::write_to("run.csv")` writes |
//! | `--quick` | one round of a tenth of the work: whether everything runs, not how fast |
//! | `--json FILE` | writes one JSON object per line as well |
//!
//! Every measurement is taken several times, gpumem and its peers in turn, each time on a device that was
//! opened for it. The table has the medians. The ratio is gpumem's figure over the peer's.

mod allocators;
#[cfg(feature = "cuda")]
mod by_hand;
#[cfg(feature = "cuda")]
mod card;
mod cases;
// Neither benchmark uses all items.
#[allow(dead_code)]
#[path = "../common/mod.rs"]
mod common;
#[cfg(feature = "cuda")]
mod cuda;
mod heap;
mod host;
mod subject;
mod workload;

use cases::Own;
use common::Failure;
use common::options::Options;
use common::report::Report;
use common::session::{Session, present};
use std::rc::Rc;
use subject::Subject;
use workload::Log;

fn main() -> Result<(), Failure> {
    let (options, (cap, replay)) = Options::read(|args| {
        let cap = args.opt_value_from_str::<_, usize>("--cap")?;
        Ok((cap, args.opt_value_from_str::<_, String>("--replay")?))
    })?;
    let cap = cap.unwrap_or(16_000) << 20;
    let replay = match replay {
        Some(path) => Some((path.clone(), cases::replay::read(&path)?)),
        None => None,
    };
    let mut report = Report::new(options.json.as_deref())?;
    // Every program with a device has threads before long. glibc's allocator takes no locks until a process
    // starts its first thread. Without this thread, the allocator's figures would depend on the order of the
    // cases.
    std::thread::spawn(|| {}).join().map_err(|_| "a thread panicked")?;
    if options.wants("host") {
        run::<gpumem::Host>(&options, (cap, replay.clone()), &mut report)?;
    }
    #[cfg(feature = "cuda")]
    if options.wants("cuda") {
        run::<gpumem::Cuda>(&options, (cap, replay), &mut report)?;
    }
    #[cfg(not(feature = "cuda"))]
    if options.wants("cuda") {
        println!("\ncuda: not measured, since this is built without `--features cuda`");
    }
    Ok(())
}

/// All cases on one backend, if it is available. At most `cap` bytes live in the random mix.
fn run<B: Subject>(
    options: &Options,
    (cap, replay): (usize, Option<(String, Rc<Log>)>),
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(device) = present(B::open(gpumem::Device::builder()))? else { return Ok(()) };
    let own = Own { peers: B::peers()?, cap, replay };
    let mut session = Session::begin(options, report, &device, own);
    // This case is first. After other cases, `Vec` would get memory that the host's heap has kept from them.
    cases::growth::run::<B>(&mut session);
    cases::pairs::run::<B>(&mut session);
    cases::mix::run::<B>(&mut session);
    cases::threads::run::<B>(&mut session);
    cases::within::run::<B>(&mut session);
    cases::crowd::run::<B>(&mut session);
    cases::chunks::run::<B>(&mut session);
    cases::leaks::run::<B>(&mut session);
    cases::stats::run::<B>(&mut session);
    cases::named::run::<B>(&mut session);
    cases::named::chunks::<B>(&mut session);
    cases::replay::run::<B>(&mut session);
    Ok(())
}
