//! A Cargo.lock: packages are nodes, and an edge joins a package to each of its dependencies.

use std::collections::HashMap;

use toml_span::{DeserError, Deserialize, Spanned, Value, de_helpers::TableHelper};

use super::{BadLine, quoted};
use crate::input::network::Network;

/// The part of the file that the graph is made of. The rest of the file is ignored.
struct Lockfile {
    packages: Vec<Package>,
}

struct Package {
    name: String,
    version: String,
    source: Option<String>,
    /// `name`, `name version` or `name version (source)`: as much as is needed to tell packages apart.
    dependencies: Vec<Spanned<String>>,
}

impl<'file> Deserialize<'file> for Lockfile {
    fn deserialize(value: &mut Value<'file>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let packages = table.optional("package").unwrap_or_default();
        table.finalize(Some(value))?;
        Ok(Lockfile { packages })
    }
}

impl<'file> Deserialize<'file> for Package {
    fn deserialize(value: &mut Value<'file>) -> Result<Self, DeserError> {
        let mut table = TableHelper::new(value)?;
        let (name, version) = (table.required("name"), table.required("version"));
        let source = table.optional("source");
        let dependencies = table.optional("dependencies").unwrap_or_default();
        table.finalize(Some(value))?;
        Ok(Package { name: name?, version: version?, source, dependencies })
    }
}

fn read(text: &str) -> Result<Lockfile, toml_span::Error> {
    // Of several errors, the first is reported.
    Lockfile::deserialize(&mut toml_span::parse(text)?).map_err(|mut mistakes| mistakes.errors.swap_remove(0))
}

pub(super) fn parse(text: &str) -> Result<Network, BadLine> {
    let line_at = |byte: usize| 1 + text.bytes().take(byte).filter(|&byte| byte == b'\n').count();
    let Lockfile { packages } = read(text).map_err(|error| {
        BadLine::new(line_at(error.span.start), format!("expected a Cargo.lock, found this: {error}"))
    })?;

    let mut by_name: HashMap<&str, Vec<u32>> = HashMap::new();
    for (index, package) in (0..).zip(&packages) {
        by_name.entry(&package.name).or_default().push(index);
    }
    let mut pairs = Vec::new();
    for (index, package) in (0..).zip(&packages) {
        for dependency in &package.dependencies {
            let bad = |what| {
                let message =
                    format!("expected one of the packages, found {}: {what}", quoted(&dependency.value));
                BadLine::new(line_at(dependency.span.start), message)
            };
            pairs.push([index, resolve(&dependency.value, &packages, &by_name).map_err(bad)?]);
        }
    }
    let names = packages.iter().map(|package| match by_name[&*package.name].len() {
        1 => package.name.clone(),
        _ => format!("{} {}", package.name, package.version),
    });
    let nodes = u32::try_from(packages.len()).unwrap_or(u32::MAX);
    Ok(Network::new(nodes, names.collect(), pairs))
}

/// Finds the package that a line of `dependencies` names.
fn resolve(line: &str, packages: &[Package], by_name: &HashMap<&str, Vec<u32>>) -> Result<u32, &'static str> {
    let mut words = line.split_whitespace();
    let name = words.next().unwrap_or_default();
    let (version, source) = (words.next(), words.next());
    let fits = |index: &&u32| {
        let package = &packages[**index as usize];
        version.is_none_or(|version| version == package.version)
            && source.is_none_or(|source| package.source.as_deref() == Some(source.trim_matches(['(', ')'])))
    };
    let mut found = by_name.get(name).into_iter().flatten().filter(fits);
    match (found.next(), found.next()) {
        (Some(&index), None) => Ok(index),
        (None, _) => Err("there is none of that name and version"),
        (Some(_), Some(_)) => Err("several have that name and version"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn complaint(text: &str) -> String {
        parse(text).unwrap_err().to_string()
    }

    const TWO_SYNS: &str = r#"
version = 4
[[package]]
name = "app"
version = "0.1.0"
dependencies = [
 "syn 2.0.1",
 "serde",
]
[[package]]
name = "serde"
version = "1.0.0"
source = "registry+https://example.org/index"
dependencies = ["syn 1.0.9 (registry+https://example.org/index)"]
[[package]]
name = "syn"
version = "1.0.9"
source = "registry+https://example.org/index"
[[package]]
name = "syn"
version = "2.0.1"
"#;

    #[test]
    fn packages_and_what_they_depend_on() {
        let network = parse(TWO_SYNS).unwrap();
        assert_eq!(network.names, ["app", "serde", "syn 1.0.9", "syn 2.0.1"]);
        assert_eq!(network.edges, [[0, 1], [0, 3], [1, 2]]);
    }

    #[test]
    fn a_lock_without_packages_is_an_empty_graph() {
        assert_eq!(parse("version = 4\n").unwrap().nodes, 0);
    }

    #[test]
    fn no_toml() {
        assert!(
            complaint("version = 4\n[[package\n").starts_with("line 2: expected a Cargo.lock, found this: ")
        );
    }

    #[test]
    fn a_package_without_a_version() {
        assert_eq!(
            complaint("version = 4\n\n[[package]]\nname = \"app\"\n"),
            "line 3: expected a Cargo.lock, found this: missing field 'version' in table"
        );
    }

    #[test]
    fn a_dependency_that_is_not_there() {
        let message = complaint(&TWO_SYNS.replace("\"serde\",", "\"sered\","));
        assert_eq!(
            message,
            "line 8: expected one of the packages, found `sered`: there is none of that name and version"
        );
    }

    #[test]
    fn a_dependency_that_may_be_two() {
        let message = complaint(&TWO_SYNS.replace("\"syn 2.0.1\",", "\"syn\","));
        assert_eq!(
            message,
            "line 7: expected one of the packages, found `syn`: several have that name and version"
        );
    }
}
