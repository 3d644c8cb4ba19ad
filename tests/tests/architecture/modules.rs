//! The modules of a crate, without test modules: the paths that each module imports and names, and the
//! modules that they lead to.

use crate::tokens::{At, Token, end_of_group, tokens};
use gpumem_tests::workspace::{read, root};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The words of a path: `["crate", "memory", "Block"]`.
type Words = Vec<String>;

/// A module. Its name in [`Crate`] is its path without `crate`, such as `memory/block`. The name of the root
/// is empty.
#[derive(Default)]
struct Module {
    file: PathBuf,
    /// The names of its child modules.
    children: BTreeSet<String>,
    /// The names of its own items.
    items: BTreeSet<String>,
    /// The imported paths, by their names in this module.
    imports: BTreeMap<String, Words>,
    globs: Vec<Words>,
    /// All paths in the module, imported or written in place, with their lines.
    paths: Vec<(Words, usize)>,
}

pub(crate) struct Crate(BTreeMap<String, Module>);

/// A reference from a module to another module, or to an item of it.
pub(crate) struct Reference {
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) file: PathBuf,
    pub(crate) line: usize,
    /// The path as it is written there.
    pub(crate) path: String,
}

impl Crate {
    /// Reads a crate, from the path of its root file.
    pub(crate) fn read(main: &str) -> Self {
        let mut modules = Self(BTreeMap::new());
        let folder = Path::new(main).parent().expect("a file lies in a folder");
        modules.read_file(Path::new(main), folder, "");
        modules
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = (&str, &Path)> {
        self.0.iter().map(|(name, module)| (name.as_str(), module.file.as_path()))
    }

    /// `folder` is the folder of the module's children.
    fn read_file(&mut self, file: &Path, folder: &Path, name: &str) {
        let tokens = tokens(&read(file));
        self.read_module(file, folder, name, &tokens);
    }

    fn read_module(&mut self, file: &Path, folder: &Path, name: &str, tokens: &[At]) {
        let mut module = Module { file: file.into(), ..Module::default() };
        let (mut at, mut path_of_next) = (0, None);
        while at < tokens.len() {
            let next = |more: usize| tokens.get(at + more).map(|(token, _)| token);
            let word = next(0).and_then(Token::word).unwrap_or_default();
            if next(0).is_some_and(|token| token.is("#")) && next(1).is_some_and(|token| token.is("[")) {
                let end = end_of_group(tokens, at + 1);
                let attribute = &tokens[at + 2..end - 1];
                at = if is_for_tests(attribute) { end_of_item(tokens, end) } else { end };
                path_of_next = path_of(attribute).or(path_of_next);
                continue;
            }
            match (word, next(1)) {
                ("mod", Some(Token::Word(child))) => {
                    let (path, inner) = (join(name, child), folder.join(child));
                    module.children.insert(child.clone());
                    at += 2;
                    if tokens[at].0.is(";") {
                        let (file, inner) = place(file, &inner, path_of_next.take());
                        self.read_file(&file, &inner, &path);
                    } else {
                        let end = end_of_group(tokens, at);
                        self.read_module(file, &inner, &path, &tokens[at + 1..end - 1]);
                        at = end;
                    }
                    continue;
                }
                ("use", _) => {
                    let end = at + tokens[at..].iter().take_while(|(token, _)| !token.is(";")).count();
                    module.import(&tokens[at + 1..end], &[]);
                    at = end;
                    continue;
                }
                (
                    "fn" | "struct" | "enum" | "union" | "trait" | "type" | "const" | "static",
                    Some(Token::Word(item)),
                ) => {
                    module.items.insert(item.clone());
                }
                ("macro_rules", _) => module.items.extend(next(2).and_then(Token::word).map(String::from)),
                _ => {}
            }
            at += module.note_path(tokens, at).max(1);
        }
        self.0.insert(name.into(), module);
    }

    /// All references to modules of this crate and their items, with the module that each leads to.
    pub(crate) fn references(&self) -> Vec<Reference> {
        let mut references = Vec::new();
        for (from, module) in &self.0 {
            for (path, line) in &module.paths {
                let Some(to) = self.resolve(from, path, 0).filter(|to| to != from) else { continue };
                let (from, file, path) = (from.clone(), module.file.clone(), path.join("::"));
                references.push(Reference { from, to, file, line: *line, path });
            }
        }
        references
    }

    /// The module that a path leads to, or the module of the item at its end. `None` outside this crate.
    fn resolve(&self, from: &str, path: &[String], depth: usize) -> Option<String> {
        let (first, mut rest) = path.split_first()?;
        let parent = |name: &str| name.rsplit_once('/').map_or("", |(parent, _)| parent).to_owned();
        let mut at = match first.as_str() {
            "crate" => String::new(),
            "self" => from.to_owned(),
            "super" => parent(from),
            name if self.0[from].children.contains(name) => join(from, name),
            name => {
                let import = self.0[from].imports.get(name).filter(|_| depth < 20)?;
                // An import whose path begins with its own name comes from another crate.
                let to = self.resolve(from, import, depth + 1).filter(|_| import[0] != *name)?;
                if to.rsplit('/').next() != import.last().map(String::as_str) {
                    return Some(to);
                }
                to
            }
        };
        while let Some((word, more)) = rest.split_first() {
            rest = more;
            let module = self.0.get(&at)?;
            if word == "super" {
                at = parent(&at);
            } else if module.children.contains(word) {
                at = join(&at, word);
            } else if module.items.contains(word) || depth > 20 {
                return Some(at);
            } else {
                let import = module.imports.get(word).and_then(|path| self.resolve(&at, path, depth + 1));
                let has_word = |to: &String| self.0.get(to).is_some_and(|module| module.items.contains(word));
                let mut globs = module.globs.iter().filter_map(|path| self.resolve(&at, path, depth + 1));
                return import.or_else(|| globs.find(has_word)).or(Some(at));
            }
        }
        Some(at)
    }
}

impl Module {
    /// Notes the imports of a `use`. Its tokens follow `prefix`.
    fn import(&mut self, tokens: &[At], prefix: &[String]) {
        let (mut path, mut at) = (prefix.to_vec(), 0);
        while let Some((token, line)) = tokens.get(at) {
            match token {
                Token::Sign('{') => {
                    let end = end_of_group(tokens, at);
                    for one in split_at_commas(&tokens[at + 1..end - 1]) {
                        self.import(one, &path);
                    }
                    return;
                }
                Token::Sign('*') => {
                    self.paths.push((path.clone(), *line));
                    self.globs.push(path);
                    return;
                }
                Token::Word(word) if word == "as" => break,
                // `a::{self}` is `a`.
                Token::Word(word) if word != "self" || path.is_empty() => path.push(word.clone()),
                _ => {}
            }
            at += 1;
        }
        let alias = tokens.get(at + 1).filter(|_| at < tokens.len()).and_then(|(token, _)| token.word());
        let Some(name) = alias.or(path.last().map(String::as_str)).map(String::from) else { return };
        self.paths.push((path.clone(), tokens[0].1));
        self.imports.insert(name, path);
    }

    /// Notes the path that begins here, if there is one. Returns the number of its tokens.
    fn note_path(&mut self, tokens: &[At], at: usize) -> usize {
        let is_inside = at > 0 && (tokens[at - 1].0.is(":") || tokens[at - 1].0.is("."));
        let mut path = Words::new();
        let mut end = at;
        while let Some(word) = tokens.get(end).and_then(|(token, _)| token.word()) {
            path.push(word.into());
            end += 1;
            if !(tokens.len() > end + 2 && tokens[end].0.is(":") && tokens[end + 1].0.is(":")) {
                break;
            }
            end += 2;
        }
        // A path may end with `::`, before `<`.
        let count = end - at;
        if path.len() > 1 && (!is_inside || path[0] == "crate") {
            self.paths.push((path, tokens[at].1));
        }
        count
    }
}

fn split_at_commas(tokens: &[At]) -> Vec<&[At]> {
    let (mut parts, mut from, mut at) = (Vec::new(), 0, 0);
    while at < tokens.len() {
        if tokens[at].0.is(",") {
            parts.push(&tokens[from..at]);
            from = at + 1;
        }
        at = if tokens[at].0.is("{") { end_of_group(tokens, at) } else { at + 1 };
    }
    parts.push(&tokens[from..]);
    parts.retain(|part| !part.is_empty());
    parts
}

fn join(module: &str, name: &str) -> String {
    if module.is_empty() { name.into() } else { format!("{module}/{name}") }
}

/// The file of a module that is declared in `parent`, and the folder of its children. `inner` is that folder
/// by the module's name.
fn place(parent: &Path, inner: &Path, path: Option<String>) -> (PathBuf, PathBuf) {
    if let Some(path) = path {
        let folder = parent.parent().expect("a file lies in a folder");
        let file = path.split('/').fold(folder.to_path_buf(), |at, part| match part {
            ".." => at.parent().expect("it is in the workspace").into(),
            _ => at.join(part),
        });
        let folder = file.parent().expect("a file lies in a folder").into();
        return (file, folder);
    }
    let folder = inner.join("mod.rs");
    let file = if root().join(&folder).exists() { folder } else { inner.with_extension("rs") };
    (file, inner.into())
}

/// The value of `path = ".."`.
fn path_of(attribute: &[At]) -> Option<String> {
    match attribute {
        [(name, _), _, (Token::Literal(path), _)] if name.is("path") => Some(path.clone()),
        _ => None,
    }
}

/// `cfg(test)`, or `cfg(all(test, ..))`.
fn is_for_tests(attribute: &[At]) -> bool {
    let words: Vec<&str> = attribute.iter().filter_map(|(token, _)| token.word()).collect();
    words.starts_with(&["cfg", "test"]) || words.starts_with(&["cfg", "all", "test"])
}

/// The index after the item, field, variant or statement that begins at `from`.
fn end_of_item(tokens: &[At], from: usize) -> usize {
    let mut at = from;
    while tokens.get(at).is_some_and(|(token, _)| token.is("#")) {
        at = end_of_group(tokens, at + 1);
    }
    if tokens.get(at).is_some_and(|(token, _)| token.is("pub")) {
        at += 1;
        if tokens[at].0.is("(") {
            at = end_of_group(tokens, at);
        }
    }
    let word = tokens.get(at).and_then(|(token, _)| token.word()).unwrap_or_default();
    let ends_with_semicolon = ["use", "static", "const", "type", "let"].contains(&word);
    let is_item =
        ["fn", "mod", "impl", "struct", "enum", "trait", "unsafe", "extern", "async", "macro_rules"];
    let ends_with_comma = !ends_with_semicolon && !is_item.contains(&word);
    while let Some((token, _)) = tokens.get(at) {
        match token {
            Token::Sign('{') if !ends_with_semicolon => return end_of_group(tokens, at),
            Token::Sign('(' | '[' | '{') => at = end_of_group(tokens, at),
            Token::Sign('}') => return at,
            Token::Sign(';') => return at + 1,
            Token::Sign(',') if ends_with_comma => return at + 1,
            _ => at += 1,
        }
    }
    at
}
