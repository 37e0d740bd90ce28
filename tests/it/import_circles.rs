//! Finds circular imports inside a crate: a reader can understand, test and move a file's imports without the file.
//!
//! A name that a module re-exports (`pub use`) counts for the module that defines it. Tests inside a file do not count.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

type Module = Vec<String>;

#[test]
fn no_crate_has_a_circle_of_imports() {
    for member in ["domain", "adapters", "app", "migration"] {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(member).join("src");
        let source = Crate::read(&root);
        assert!(source.files.len() > 5, "{member}");
        let imports: BTreeMap<&Module, BTreeSet<Module>> =
            source.files.iter().map(|(module, file)| (module, source.imports_of(module, file))).collect();
        assert!(imports.values().any(|imports| !imports.is_empty()), "{member}");
        if let Some(circle) = circle(&imports) {
            let circle: Vec<String> = circle.iter().map(|module| module.join("::")).collect();
            panic!("{member}: {}", circle.join(" → "));
        }
    }
}

#[test]
fn a_circle_is_found() {
    let file = |text: &str| File::parse(text);
    let module = |text: &str| -> Module { text.split("::").map(str::to_owned).collect() };
    let mut files = BTreeMap::from([
        (vec![], file("mod a; mod b; pub use a::A;")),
        (module("a"), file("// use crate::b::B;\npub struct A;")),
        (module("b"), file("use super::{A, c as d};\nfn f() -> crate::c::C {}")),
        (module("c"), file("use std::fmt;\n#[cfg(test)]\nmod tests { use super::super::b::*; }")),
    ]);
    let found = |files: &BTreeMap<Module, File>| {
        let source = Crate { files: files.clone() };
        let imports = source.files.iter().map(|(module, file)| (module, source.imports_of(module, file)));
        let imports: BTreeMap<_, _> = imports.collect();
        (imports[&module("b")].clone(), circle(&imports))
    };
    assert_eq!(found(&files), (BTreeSet::from([module("a"), module("c")]), None));
    files.insert(module("c"), file("use crate::{x, y::{self, b::B as Z}, b::f};"));
    assert_eq!(found(&files).1, Some(vec![module("b"), module("c"), module("b")]));
}

/// The sources of a crate, by module.
struct Crate {
    files: BTreeMap<Module, File>,
}

/// The imports of a file.
#[derive(Clone)]
struct File {
    /// Paths that it uses.
    needed: Vec<Vec<String>>,
    /// Names that it imports or re-exports, and their paths.
    names: BTreeMap<String, Vec<String>>,
}

impl Crate {
    fn read(root: &Path) -> Self {
        let mut files = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).expect("a folder") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs") {
                    let relative = path.strip_prefix(root).expect("within").with_extension("");
                    let mut module: Module =
                        relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
                    module.pop_if(|last| ["mod", "lib"].contains(&last.as_str()));
                    files.insert(module, File::parse(&fs::read_to_string(&path).expect("a source")));
                }
            }
        }
        Self { files }
    }

    /// The other modules that define what a module needs.
    fn imports_of(&self, module: &Module, file: &File) -> BTreeSet<Module> {
        let found = file.needed.iter().filter_map(|path| self.definer(self.absolute(module, path)?, 0));
        found.filter(|found| found != module).collect()
    }

    /// A path from the root of the crate. `None` if it leads to another crate.
    fn absolute(&self, module: &Module, path: &[String]) -> Option<Vec<String>> {
        let mut base = module.clone();
        let rest = match path.first()?.as_str() {
            "crate" => return Some(path[1..].to_vec()),
            "self" => &path[1..],
            "super" => {
                let up = path.iter().take_while(|part| *part == "super").count();
                base.truncate(base.len().checked_sub(up)?);
                &path[up..]
            }
            first => {
                base.push(first.to_owned());
                self.files.contains_key(&base).then(|| base.pop())?;
                path
            }
        };
        Some(base.into_iter().chain(rest.iter().cloned()).collect())
    }

    /// The module that defines the item at this path.
    fn definer(&self, path: Vec<String>, passed_on: usize) -> Option<Module> {
        let length = (0..=path.len()).rev().find(|length| self.files.contains_key(&path[..*length]))?;
        let module = path[..length].to_vec();
        let elsewhere = path.get(length).and_then(|name| self.files[&module].names.get(name));
        match elsewhere.and_then(|elsewhere| self.absolute(&module, elsewhere)) {
            Some(mut elsewhere) if passed_on < 10 => {
                elsewhere.extend(path[length + 1..].iter().cloned());
                self.definer(elsewhere, passed_on + 1)
            }
            _ => Some(module),
        }
    }
}

impl File {
    fn parse(text: &str) -> Self {
        let text = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
        let code: String =
            text.lines().map(|line| line.split("//").next().unwrap_or_default().to_owned() + "\n").collect();
        let (mut needed, mut names, mut rest) = (Vec::new(), BTreeMap::new(), String::new());
        for statement in code.split_inclusive(';') {
            let start =
                statement.match_indices("use ").map(|(at, _)| at).find(|at| is_statement(statement, *at));
            let Some(start) = start else {
                rest.push_str(statement);
                continue;
            };
            let (before, tree) = statement.split_at(start);
            let last_line = before.rsplit('\n').next().unwrap_or_default();
            rest.push_str(&before[..before.len() - last_line.len()]);
            let mut used = Vec::new();
            expand(&[], tree["use ".len()..].trim_end_matches(';'), &mut used);
            for (path, name) in used {
                if !last_line.trim_start().starts_with("pub") {
                    needed.push(path.clone());
                }
                names.insert(name, path);
            }
        }
        // Paths outside of `use`. A visibility such as `pub(in crate::http)` is not a path.
        for start in ["crate::", "super::"] {
            for (at, _) in rest.match_indices(start) {
                let before = rest[..at].chars().next_back();
                let is_inside =
                    before.is_some_and(|before| before.is_alphanumeric() || "_:".contains(before));
                if !is_inside && !rest[..at].ends_with("pub(in ") {
                    let end = |found: char| !(found.is_alphanumeric() || found == '_' || found == ':');
                    let path = rest[at..].split(end).next().unwrap_or_default();
                    needed
                        .push(path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect());
                }
            }
        }
        Self { needed, names }
    }
}

/// Whether a `use` is at the start of a statement, with or without a visibility.
fn is_statement(text: &str, at: usize) -> bool {
    let before = text[..at].rsplit(['\n', '{', '}']).next().unwrap_or_default().trim();
    before.is_empty() || before == "pub" || before.starts_with("pub(") && before.ends_with(')')
}

/// Expands a tree of imports into each path and its local name.
fn expand(prefix: &[String], tree: &str, used: &mut Vec<(Vec<String>, String)>) {
    let (mut depth, mut start) = (0_usize, 0);
    let mut parts = Vec::new();
    for (at, found) in tree.char_indices() {
        match found {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(&tree[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&tree[start..]);
    let segments = |text: &str| -> Vec<String> {
        text.split("::").map(str::trim).filter(|part| !part.is_empty()).map(str::to_owned).collect()
    };
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        if let Some((head, inner)) = part.split_once('{') {
            let prefix = [prefix, &segments(head)].concat();
            expand(&prefix, inner.rsplit_once('}').map_or(inner, |(inner, _)| inner), used);
            continue;
        }
        let (path, alias) = part.split_once(" as ").map_or((part, None), |(path, alias)| (path, Some(alias)));
        let mut path = [prefix, &segments(path)].concat();
        path.pop_if(|last| last == "self");
        let name = alias.map(|alias| alias.trim().to_owned()).or_else(|| path.last().cloned());
        used.push((path, name.unwrap_or_default()));
    }
}

/// A path of imports from a module back to itself, if one exists.
fn circle(imports: &BTreeMap<&Module, BTreeSet<Module>>) -> Option<Vec<Module>> {
    fn walk(
        module: &Module,
        imports: &BTreeMap<&Module, BTreeSet<Module>>,
        way: &mut Vec<Module>,
        done: &mut BTreeSet<Module>,
    ) -> Option<Vec<Module>> {
        if let Some(start) = way.iter().position(|passed| passed == module) {
            way.push(module.clone());
            return Some(way[start..].to_vec());
        }
        if !done.insert(module.clone()) {
            return None;
        }
        way.push(module.clone());
        let found = imports.get(module).into_iter().flatten().find_map(|next| walk(next, imports, way, done));
        if found.is_none() {
            way.pop();
        }
        found
    }
    let mut done = BTreeSet::new();
    imports.keys().find_map(|module| walk(module, imports, &mut Vec::new(), &mut done))
}
