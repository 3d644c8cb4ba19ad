//! The page, in Chromium. Its own `#selftest` moves the mouse, turns the wheel and types, and says in the
//! page what came of it.

use crate::recording::{Folder, everything, numbers};
use gpumem::{Buffer, Device, Timeline};
use std::path::Path;
use std::process::Command;

/// The page as it is after its script and `#selftest` have run. `None` without Chromium.
fn run(timeline: &Timeline, folder: &Folder) -> Option<String> {
    let page = folder.file("run.html");
    timeline.write_to(&page).unwrap();
    let chromium = ["chromium", "chromium-browser", "google-chrome"];
    let dump = |program: &&str| dump(program, &page, folder);
    let dumped = chromium.iter().find_map(dump);
    if dumped.is_none() {
        println!("skipped: there is no Chromium");
    }
    dumped
}

fn dump(program: &str, page: &Path, folder: &Folder) -> Option<String> {
    let profile = format!("--user-data-dir={}", folder.path().join("profile").display());
    let options = [
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--window-size=1440,900",
        "--virtual-time-budget=20000",
        "--dump-dom",
    ];
    let url = format!("file://{}#selftest", page.display());
    let output = Command::new(program).args(options).arg(profile).arg(url).output().ok()?;
    let dumped = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(dumped.contains("<body"), "{dumped}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(dumped)
}

fn body(dumped: &str) -> &str {
    let from = dumped.find("<body").expect("it has a body");
    dumped[from..].split_once('>').expect("the tag ends").0
}

/// The rows of the table.
fn rows(dumped: &str) -> Vec<&str> {
    dumped.split("<tr class=\"row").skip(1).map(|row| row.split("</tr>").next().unwrap()).collect()
}

fn passes(dumped: &str) {
    let body = body(dumped);
    assert!(body.contains("data-loaded=\"yes\"") && body.contains("data-selftest=\"passed\""), "{body}");
    assert!(!body.contains("data-problems"), "{body}");
}

#[test]
fn the_page_shows_a_recording() {
    let folder = Folder::new("page");
    let Some(dumped) = run(&everything(), &folder) else { return };
    passes(&dumped);
    let rows = rows(&dumped);
    for name in ["positions", "edges", "tile_#", "&lt;/script&gt;&lt;b&gt;"] {
        assert!(rows.iter().any(|row| row.contains(name)), "{name} is no row of {}", rows.len());
    }
    assert!(rows[0].contains("positions") && rows[0].contains("recording.rs:"), "{}", rows[0]);
}

#[test]
fn a_page_without_events_says_so() {
    let folder = Folder::new("empty");
    let timeline = Device::builder().timeline(1).host().unwrap().timeline().unwrap();
    let Some(dumped) = run(&timeline, &folder) else { return };
    passes(&dumped);
    assert!(dumped.contains("No buffer lived then"));
}

#[test]
fn the_page_bears_three_thousand_names_and_a_million_events() {
    let folder = Folder::new("many");
    let device = Device::builder().timeline(1 << 20).host().unwrap();
    let tiles: Vec<_> = (0..3_000)
        .map(|index| Buffer::<u8>::with_capacity(&device, format!("tile_{index}"), 1_000 + index).unwrap())
        .collect();
    for round in 0..500_000 {
        drop(numbers(&device, "scratch", 10 + round % 100));
    }
    let timeline = device.timeline().unwrap();
    assert!(timeline.events() > 1_000_000, "{timeline:?}");
    let Some(dumped) = run(&timeline, &folder) else { return };
    passes(&dumped);
    let size = std::fs::metadata(folder.file("run.html")).unwrap().len();
    assert!(size < 12 << 20, "the page has {size} bytes");
    let rows = rows(&dumped);
    assert!(rows[0].contains("tile_#") && rows[0].contains("× 3,000"), "{}", rows[0]);
    assert!(dumped.contains("503,000</b><span>buffers"));
    drop(tiles);
}
