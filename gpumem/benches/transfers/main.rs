//! What transfers cost: copies of all sizes, the start of a download, loops of frames and many downloads at once, each against
//! the same by hand in the same process.
//!
//! ```sh
//! cargo bench -p gpumem --bench transfers [--features cuda] [-- OPTIONS]
//! ```
//!
//! | option | |
//! | --- | --- |
//! | `--backend host` or `cuda` | this backend only; without it the host, and a CUDA card where the feature is on and there is one |
//! | `--case TEXT` | only the cases whose name contains `TEXT` |
//! | `--quick` | one round of a tenth of the work: whether everything runs, not how fast |
//! | `--json FILE` | writes one JSON object a line as well |
//!
//! Every measurement is taken several times, gpumem and its peers in turn, each time on a device that was opened for it; the
//! median is shown. The ratio is gpumem's figure over the peer's: rates are good above 1, times below.
//!
//! On the host the device's memory is the host's, its bus is `memcpy` on a thread, and peers are plain copies.

#[cfg(feature = "cuda")]
mod by_hand;
mod cases;
#[cfg(feature = "cuda")]
mod cuda;
#[cfg(feature = "cuda")]
mod driver;
mod host;
#[path = "../common/report.rs"]
mod report;
mod subject;
// Each benchmark uses what it needs of it.
#[allow(dead_code)]
#[path = "../common/turns.rs"]
mod turns;

use report::Report;
use subject::Subject;

/// What went wrong, for the table.
type Failure = Box<dyn std::error::Error>;

/// What the command line says.
struct Options {
    backend: Option<String>,
    case: String,
    quick: bool,
    json: Option<String>,
}

impl Options {
    fn read() -> Result<Self, Failure> {
        let mut args = pico_args::Arguments::from_env();
        // Cargo says this to every benchmark.
        let _ = args.contains("--bench");
        let options = Self {
            backend: args.opt_value_from_str("--backend")?,
            case: args.opt_value_from_str("--case")?.unwrap_or_default(),
            quick: args.contains("--quick"),
            json: args.opt_value_from_str("--json")?,
        };
        match args.finish().first() {
            Some(rest) => Err(format!("what is {}?", rest.to_string_lossy()).into()),
            None if !options.backend.as_deref().is_none_or(|name| ["host", "cuda"].contains(&name)) => {
                Err("--backend is host or cuda".into())
            }
            None => Ok(options),
        }
    }

    fn wants(&self, backend: &str) -> bool {
        self.backend.as_deref().is_none_or(|wanted| wanted == backend)
    }

    /// How often each measurement is taken.
    fn rounds(&self) -> usize {
        if self.quick { 1 } else { 5 }
    }

    /// How much of some work is done: `full`, or a tenth, but something.
    fn share(&self, full: usize) -> usize {
        if self.quick { (full / 10).max(1) } else { full }
    }
}

fn main() -> Result<(), Failure> {
    let options = Options::read()?;
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

/// Makes every large `Vec` a fresh one. By itself glibc keeps the memory of some, depending on which sizes were freed before, so that the
/// order of the cases would decide what a `Vec` costs.
fn keep_no_heap() {
    #[cfg(all(target_os = "linux", target_env = "gnu"))]
    // SAFETY: it sets a number of the allocator's.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, 128 << 10);
    }
}

/// All cases on one backend, if it is there.
fn run<B: Subject>(options: &Options, report: &mut Report) -> Result<(), Failure> {
    // Kept open throughout, so that opening a device for a measurement does not start a driver each time.
    let device = match B::open() {
        Ok(device) => device,
        Err(error @ gpumem::Error::BackendUnavailable { .. }) => {
            println!("\n{}: not measured: {error}", report::name::<B>());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    report.begin::<B>(&device);
    let mut session = cases::Session::new(options, report, &device);
    cases::start::run::<B>(&mut session);
    cases::copies::run::<B>(&mut session);
    cases::staged::run::<B>(&mut session);
    cases::frames::run::<B>(&mut session);
    cases::crowd::run::<B>(&mut session);
    cases::awaits::run::<B>(&mut session);
    Ok(())
}
