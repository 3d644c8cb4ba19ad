//! Measures the build time of the derive, against other derives in the same run.
//!
//! ```sh
//! cargo bench -p gpumem-tests --bench compile_time [-- --rounds 5] [--json FILE]
//! ```
//!
//! It answers three questions:
//!
//! * How long does a crate with 100 structs of 10 buffers take to build, against the same structs with
//!   `bon::Builder` and with no derive?
//! * How long does a crate with 20 kernels and their PTX take, against the same functions without
//!   `#[gpumem::kernels]`?
//! * How long does `gpumem-derive` take to build with its dependencies, against the derive of `thiserror`?
//!
//! The crates are written to `target/tmp/compile_time` and use the versions of this workspace's lock file.
//! The first run fetches `bon`. Each build is the default `cargo build`. Builds run one after the other, and
//! the cases take turns. The results are medians.
//!
//! Processor time is the user and system time of all compiler processes, from `/proc`. It is measured on
//! Linux only.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const STRUCTS: usize = 100;

/// The buffers of each struct: the keys in `#[buffer(…)]`, and the element.
const FIELDS: [(&str, &str); 10] = [
    ("growth = 1.3, max = \"512MiB\", async", "[f32; 2]"),
    ("growth = 1.3, max = \"512MiB\", async", "[f32; 2]"),
    ("growth = 2.0, max = \"2GiB\"", "[u32; 2]"),
    ("growth = 2.0", "u32"),
    ("max = \"64MiB\"", "f32"),
    ("async", "[f32; 4]"),
    ("", "u64"),
    ("", "[u8; 4]"),
    ("", "i32"),
    ("", "f64"),
];

/// The crates with the structs: name, derive, dependency.
const CASES: [(&str, &str, &str); 3] = [
    ("with-gpumem", "#[derive(gpumem::GpuBuffers)]", "gpumem = { path = \"{root}/gpumem\" }"),
    ("with-bon", "#[derive(bon::Builder)]", "bon = \"3\""),
    ("without", "", ""),
];

const KERNELS: usize = 20;

/// The crates with the kernels: name, attribute. Both depend on `gpumem`, which is built before.
const KERNEL_CASES: [(&str, &str); 2] =
    [("kernels", "#[gpumem::kernels(unsafe(ptx = \"kernels.ptx\"))]\n"), ("functions", "")];

/// The derives that are built alone, each with its dependencies: name, dependency.
const DERIVES: [(&str, &str); 2] = [
    ("gpumem-derive", "gpumem-derive = { path = \"{root}/gpumem-derive\" }"),
    ("thiserror-impl", "thiserror-impl = \"2\""),
];

fn main() -> io::Result<()> {
    let args: Vec<String> = std::env::args().collect();
    if !args.iter().any(|arg| arg == "--bench") {
        println!(
            "skipped: this takes minutes, and runs with `cargo bench -p gpumem-tests --bench compile_time`"
        );
        return Ok(());
    }
    let value = |key: &str| args.iter().skip_while(|arg| *arg != key).nth(1);
    let rounds = value("--rounds").and_then(|rounds| rounds.parse().ok()).unwrap_or(5_usize).max(1);

    let scratch = Scratch::write()?;
    println!("{}\n{rounds} rounds, medians in seconds\n", scratch.versions()?);
    let rows = measure(&scratch, rounds)?;
    print!("{}", table(&rows));
    if let Some(file) = value("--json") {
        fs::write(file, rows.iter().map(Row::json).collect::<String>())?;
    }
    Ok(())
}

/// Runs every case `rounds` times. The cases take turns.
fn measure(scratch: &Scratch, rounds: usize) -> io::Result<Vec<Row>> {
    let mut whole = CASES.map(|_| Samples::default());
    let mut alone = CASES.map(|_| Samples::default());
    let mut kernels = KERNEL_CASES.map(|_| Samples::default());
    let mut derives = DERIVES.map(|_| Samples::default());
    for (name, _) in KERNEL_CASES {
        scratch.build(name)?;
    }
    for round in 0..rounds {
        for (case, (name, ..)) in CASES.iter().enumerate() {
            scratch.remove_all(name)?;
            whole[case].add(scratch.build(name)?);
            scratch.remove_one(name)?;
            alone[case].add(scratch.build(name)?);
        }
        for (case, (name, _)) in KERNEL_CASES.iter().enumerate() {
            scratch.remove_one(name)?;
            kernels[case].add(scratch.build(name)?);
        }
        for (derive, (name, _)) in DERIVES.iter().enumerate() {
            scratch.remove_all(name)?;
            derives[derive].add(scratch.build(name)?);
        }
        eprintln!("round {} of {rounds} done", round + 1);
    }
    let mut rows = Vec::new();
    for (what, samples) in [("crate and its dependencies", &whole), ("crate alone", &alone)] {
        for (peer, samples_of_peer) in [("bon", &samples[1]), ("no derive", &samples[2])] {
            let case = format!("100 structs of 10 buffers, {what}");
            rows.extend(Row::pair(&case, &samples[0], peer, samples_of_peer));
        }
    }
    let case = format!("{KERNELS} kernels with PTX, crate alone");
    rows.extend(Row::pair(&case, &kernels[0], "functions alone", &kernels[1]));
    rows.extend(Row::pair("the derive and its dependencies", &derives[0], "thiserror-impl", &derives[1]));
    Ok(rows)
}

/// Wall time and processor time of one build.
type Cost = (Duration, Option<Duration>);

/// The times of the builds of one case.
#[derive(Default)]
struct Samples {
    wall: Vec<Duration>,
    processor: Vec<Duration>,
}

impl Samples {
    fn add(&mut self, (wall, processor): Cost) {
        self.wall.push(wall);
        self.processor.extend(processor);
    }
}

fn median(times: &[Duration]) -> Option<f64> {
    let mut sorted = times.to_vec();
    sorted.sort();
    let upper = sorted.get(sorted.len() / 2)?;
    let lower = sorted[(sorted.len() - 1) / 2];
    Some((lower + *upper).as_secs_f64() / 2.0)
}

/// A line of the result.
struct Row {
    case: String,
    value: f64,
    peer: &'static str,
    peer_value: f64,
}

impl Row {
    fn pair(case: &str, own: &Samples, peer: &'static str, other: &Samples) -> Vec<Self> {
        let times =
            [("wall time", &own.wall, &other.wall), ("processor time", &own.processor, &other.processor)];
        let row = |(what, own, other): (&str, &Vec<Duration>, &Vec<Duration>)| {
            let case = format!("{case}: {what}");
            Some(Self { case, value: median(own)?, peer, peer_value: median(other)? })
        };
        times.into_iter().filter_map(row).collect()
    }

    fn ratio(&self) -> f64 {
        self.value / self.peer_value
    }

    fn json(&self) -> String {
        let Self { case, value, peer, peer_value } = self;
        let ratio = self.ratio();
        format!(
            "{{\"case\":\"{case}\",\"backend\":\"none\",\"value\":{value:.3},\"unit\":\"s\",\"peer\":\"{peer}\",\
             \"peer_value\":{peer_value:.3},\"ratio\":{ratio:.3}}}\n"
        )
    }
}

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| case | gpumem | peer | | ratio |\n| --- | ---: | --- | ---: | ---: |\n");
    for row in rows {
        let Row { case, value, peer, peer_value } = row;
        let _ = writeln!(text, "| {case} | {value:.2} | {peer} | {peer_value:.2} | {:.2} |", row.ratio());
    }
    text
}

/// The crates to build, each in a separate workspace. In a shared workspace, cargo would build a derive with
/// the features of `syn` that the other crates need.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn write() -> io::Result<Self> {
        let scratch = Self { folder: Path::new(env!("CARGO_TARGET_TMPDIR")).join("compile_time") };
        for (name, derive, dependency) in CASES {
            scratch.package(name, dependency, &structs(derive))?;
        }
        for (name, attribute) in KERNEL_CASES {
            let dependencies = "gpumem = { path = \"{root}/gpumem\" }\nbytemuck = { version = \"1\", features = [\"derive\"] }";
            scratch.package(name, dependencies, &kernels(attribute))?;
            fs::write(scratch.folder.join(name).join("src/kernels.ptx"), ptx())?;
        }
        for (name, dependency) in DERIVES {
            scratch.package(name, dependency, "//! Names the derive that is built.\n")?;
        }
        Ok(scratch)
    }

    fn package(&self, name: &str, dependency: &str, source: &str) -> io::Result<()> {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize()?;
        let manifest = format!(
            "[package]\nname = \"case-{name}\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n[workspace]\n\n[dependencies]\n{}\n",
            dependency.replace("{root}", &root.display().to_string())
        );
        let folder = self.folder.join(name);
        fs::create_dir_all(folder.join("src"))?;
        fs::write(folder.join("Cargo.toml"), manifest)?;
        fs::write(folder.join("src/lib.rs"), source)?;
        // The versions that this workspace is tested with. Cargo adds those of the peer.
        fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
        let offline = self.cargo(name, ["fetch", "--offline"]).stderr(Stdio::null()).status()?;
        if offline.success() { Ok(()) } else { run(&mut self.cargo(name, ["fetch", "--quiet"])) }
    }

    fn cargo<const N: usize>(&self, name: &str, args: [&str; N]) -> Command {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.args(args).current_dir(self.folder.join(name)).stdin(Stdio::null());
        // These variables would share builds, or change the default build.
        for name in ["CARGO_TARGET_DIR", "RUSTC_WRAPPER", "RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS"] {
            cargo.env_remove(name);
        }
        cargo
    }

    /// The versions of the compiler and of the compared crates, and the number of cores.
    fn versions(&self) -> io::Result<String> {
        let rustc = Command::new("rustc").arg("--version").current_dir(&self.folder).output()?;
        let mut text = String::from_utf8_lossy(&rustc.stdout).trim().to_owned();
        for (name, package) in
            [("with-bon", "bon"), ("thiserror-impl", "thiserror-impl"), ("gpumem-derive", "syn")]
        {
            let lock = fs::read_to_string(self.folder.join(name).join("Cargo.lock"))?;
            let version = lock.split(&format!("name = \"{package}\"\nversion = \"")).nth(1);
            let version = version.and_then(|text| text.split('"').next()).unwrap_or("of an unknown version");
            let _ = write!(text, ", {package} {version}");
        }
        let cores = std::thread::available_parallelism()?;
        let _ = write!(text, "; {cores} cores");
        Ok(text)
    }

    fn remove_all(&self, name: &str) -> io::Result<()> {
        match fs::remove_dir_all(self.folder.join(name).join("target")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn remove_one(&self, name: &str) -> io::Result<()> {
        run(&mut self.cargo(name, ["clean", "--quiet", "--offline", "--package", &format!("case-{name}")]))
    }

    fn build(&self, name: &str) -> io::Result<Cost> {
        let (start, before) = (Instant::now(), processor_time());
        run(&mut self.cargo(name, ["build", "--quiet", "--locked", "--offline"]))?;
        let processor = processor_time().zip(before).map(|(after, before)| after.saturating_sub(before));
        Ok((start.elapsed(), processor))
    }
}

/// The structs with `derive`. With the derive of `gpumem` they also get its attributes.
fn structs(derive: &str) -> String {
    let mut source = String::from("//! Structs to measure with.\n");
    for number in 0..STRUCTS {
        let _ = writeln!(source, "\n/// A set of buffers.\n{derive}\npub struct Set{number} {{");
        for (field, (keys, element)) in FIELDS.iter().enumerate() {
            let _ = writeln!(source, "    /// Buffer {field} of the set.");
            if !keys.is_empty() && derive.contains("GpuBuffers") {
                let _ = writeln!(source, "    #[buffer({keys})]");
            }
            let _ = writeln!(source, "    pub field_{field}: Vec<{element}>,");
        }
        source.push_str("}\n");
    }
    source
}

/// A value of the kernels.
const STEP: &str = "#[doc = \"A step.\"]\n#[repr(C)]\n#[derive(Clone, Copy, bytemuck::NoUninit)]\n\
    pub struct Step {\n    #[doc = \"Seconds.\"]\n    pub dt: f32,\n    #[doc = \"Per second.\"]\n    pub gravity: [f32; 2],\n}\n";

/// The kernels with `attribute`.
fn kernels(attribute: &str) -> String {
    let mut source = format!("//! Kernels to measure with.\n\n/// Kernels.\n{attribute}pub mod steps {{\n");
    source.push_str(STEP);
    for number in 0..KERNELS {
        let condition = if attribute.is_empty() { "" } else { "    #[requires(a.len() == b.len())]\n" };
        let _ = writeln!(
            source,
            "\n    /// Kernel {number}.\n{condition}    pub fn kernel_{number}(a: &mut [[f32; 2]], b: &[[f32; 2]], step: Step, c: f32) {{\n        \
             for (a, b) in a.iter_mut().zip(b) {{\n            a[0] += c * (b[0] + step.gravity[0]) * step.dt;\n            \
             a[1] += c * (b[1] + step.gravity[1]) * step.dt;\n        }}\n    }}"
        );
    }
    source + "}\n"
}

/// The PTX of the kernels, each with 100 instructions.
fn ptx() -> String {
    let mut text = String::from(".version 8.3\n.target sm_75\n.address_size 64\n");
    for number in 0..KERNELS {
        let kernel = format!("kernel_{number}");
        let _ = writeln!(
            text,
            "\n.visible .entry {kernel}(\n\t.param .u64 {kernel}_param_0,\n\t.param .u64 {kernel}_param_1,\n\t\
             .param .align 4 .b8 {kernel}_param_2[12],\n\t.param .f32 {kernel}_param_3\n)\n{{\n\t.reg .f32 %f<3>;\n{}\tret;\n}}",
            "\tadd.rn.f32 %f1, %f1, %f2;\n".repeat(100)
        );
    }
    text
}

fn run(command: &mut Command) -> io::Result<()> {
    let status = command.status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other(format!("{command:?} ended with {status}"))) }
}

/// The processor time used so far by the processes that this process has waited for, and by those that they
/// have waited for.
fn processor_time() -> Option<Duration> {
    // The name of the program may contain spaces, so the fields are counted from its end. Fields 16 and 17 of
    // the whole line are the user and system time of the children, in hundredths of a second.
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let hundredths: u64 = fields.get(13)?.parse::<u64>().ok()? + fields.get(14)?.parse::<u64>().ok()?;
    Some(Duration::from_millis(hundredths * 10))
}
