//! What memory costs: the pool, whole buffers and growth, each against other allocators in the same process.
//!
//! ```sh
//! cargo bench -p gpumem --bench memory [--features cuda] [-- OPTIONS]
//! ```
//!
//! | option | |
//! | --- | --- |
//! | `--backend host` or `cuda` | this backend only; without it the host, and a CUDA card where the feature is on and there is one |
//! | `--case TEXT` | only the cases whose name contains `TEXT` |
//! | `--cap MIB` | the most that lives in the random mix; 16000 unless told, and never more than there is |
//! | `--quick` | one round of a tenth of the work: whether everything runs, not how fast |
//! | `--json FILE` | writes one JSON object a line as well |
//!
//! Every measurement is taken several times, gpumem and its peers in turn, each time on a device that was opened for it; the
//! median is shown. The ratio is gpumem's figure over the peer's.

mod allocators;
#[cfg(feature = "cuda")]
mod by_hand;
mod cases;
#[cfg(feature = "cuda")]
mod cuda;
mod heap;
mod host;
#[path = "../common/report.rs"]
mod report;
mod subject;
#[path = "../common/turns.rs"]
mod turns;
mod workload;

use report::Report;
use subject::Subject;

/// What went wrong, for the table.
type Failure = Box<dyn std::error::Error>;

/// What the command line says.
struct Options {
    backend: Option<String>,
    case: String,
    /// Bytes that live in the random mix.
    cap: usize,
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
            cap: args.opt_value_from_str::<_, usize>("--cap")?.unwrap_or(16_000) << 20,
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

    /// How much of some work is done: `full`, or a tenth.
    fn share(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }
}

fn main() -> Result<(), Failure> {
    let options = Options::read()?;
    let mut report = Report::new(options.json.as_deref())?;
    // Every program with a device has threads before long. Until a process has had its first, glibc's allocator takes no locks, so
    // without this the order of the cases would decide what it is measured as.
    std::thread::spawn(|| {}).join().map_err(|_| "a thread panicked")?;
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

/// All cases on one backend, if it is there.
fn run<B: Subject>(options: &Options, report: &mut Report) -> Result<(), Failure> {
    // Kept open throughout, so that opening a device for a measurement does not start a driver each time.
    let device = match B::open(gpumem::Device::builder()) {
        Ok(device) => device,
        Err(error @ gpumem::Error::BackendUnavailable { .. }) => {
            println!("\n{}: not measured: {error}", report::name::<B>());
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    let peers = B::peers()?;
    report.begin::<B>(&device);
    let mut session = cases::Session::new(options, report, &device, peers);
    // First, since what the host's heap keeps of earlier cases would serve `Vec` in this one.
    cases::growth::run::<B>(&mut session);
    cases::pairs::run::<B>(&mut session);
    cases::mix::run::<B>(&mut session);
    cases::threads::run::<B>(&mut session);
    cases::within::run::<B>(&mut session);
    cases::crowd::run::<B>(&mut session);
    cases::chunks::run::<B>(&mut session);
    cases::leaks::run::<B>(&mut session);
    Ok(())
}
