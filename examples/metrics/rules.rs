//! The alert rules of the guide, as Prometheus' own `promtool` reads them and as they fire. The test says
//! "skipped" on a machine without it. Debian's package `prometheus` has it; `PROMTOOL` is the path of
//! another.

use std::path::Path;
use std::process::Command;

#[test]
fn the_rules_of_the_guide_fire_when_they_should() {
    let promtool = std::env::var_os("PROMTOOL").unwrap_or_else(|| "promtool".into());
    if Command::new(&promtool).arg("--version").output().is_err() {
        return println!("skipped: there is no promtool");
    }
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let guide = std::fs::read_to_string(here.join("../../gpumem/guide/will_it_fit.md")).unwrap();
    let (_, rest) = guide.split_once("```yaml\n").expect("the guide has rules");
    let (rules, _) = rest.split_once("```").expect("the rules end");

    // The file of the test names the file of the rules, which is beside it.
    let folder = std::env::temp_dir().join(format!("gpumem-rules-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("rules.yml"), rules).unwrap();
    std::fs::copy(here.join("rules_test.yml"), folder.join("test.yml")).unwrap();
    let run = |arguments: &[&str]| {
        let output = Command::new(&promtool).args(arguments).current_dir(&folder).output().unwrap();
        let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        (output.status.success(), text.concat())
    };
    let runs = [run(&["check", "rules", "rules.yml"]), run(&["test", "rules", "test.yml"])];
    std::fs::remove_dir_all(&folder).unwrap();
    for (succeeded, text) in runs {
        assert!(succeeded, "{text}");
    }
    assert!(rules.matches("- alert:").count() == 5, "each rule has a line in rules_test.yml");
}
