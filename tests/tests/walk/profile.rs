//! What callgrind saw of one operation: functions, the files their code is in, and who called whom.
//!
//! In: the text of one dump. Out: the files of this workspace that are reached from given ones.
//! Functions are told apart by their whole names, so the program must be built with the mangling of
//! `.cargo/config.toml`: the older one calls every future's `poll` the same.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

/// One dump.
#[derive(Debug)]
pub(crate) struct Profile {
    /// The folder `crates/`.
    crates: PathBuf,
    functions: HashMap<Name, Function>,
}

/// The file and the demangled name of a function, each as callgrind writes it.
type Name = (String, String);

#[derive(Debug, Default)]
struct Function {
    /// Files in which code of it ran; several when it holds code of macros or inlined functions.
    files: HashSet<String>,
    /// What it called, by the line of the call, and how often.
    calls: BTreeMap<(u32, Name), u64>,
}

/// What an operation enters.
#[derive(Debug, Default)]
pub(crate) struct Reached {
    /// Files below `crates/`, in about the order in which they are entered.
    pub(crate) files: Vec<String>,
    /// How often the functions that were asked about were called.
    pub(crate) counted: u64,
}

impl Profile {
    /// Reads a dump that was written with `--compress-strings=no --compress-pos=no`.
    pub(crate) fn read(text: &str, crates: &Path) -> Self {
        let mut functions: HashMap<Name, Function> = HashMap::new();
        let (mut own, mut at) = (Name::default(), String::new());
        let (mut callee_file, mut callee): (Option<String>, Name) = (None, Name::default());
        let mut calls = None;
        for line in text.lines() {
            if let Some(file) = line.strip_prefix("fl=") {
                file.clone_into(&mut own.0);
                file.clone_into(&mut at);
            } else if let Some(file) = line.strip_prefix("fi=").or(line.strip_prefix("fe=")) {
                file.clone_into(&mut at);
            } else if let Some(name) = line.strip_prefix("fn=") {
                name.clone_into(&mut own.1);
                at.clone_from(&own.0);
            } else if let Some(file) = line.strip_prefix("cfi=").or(line.strip_prefix("cfl=")) {
                callee_file = Some(file.to_owned());
            } else if let Some(name) = line.strip_prefix("cfn=") {
                let file = callee_file.take().unwrap_or_else(|| own.0.clone());
                callee = (file, name.to_owned());
            } else if let Some(count) = line.strip_prefix("calls=") {
                calls = count.split(' ').next().and_then(|count| count.parse::<u64>().ok());
            } else if let Some((line, _cost)) = position(line) {
                let function = functions.entry(own.clone()).or_default();
                match calls.take() {
                    Some(count) => {
                        *function.calls.entry((line, callee.clone())).or_default() += count
                    }
                    // Code that the compiler adds stands in the first line of some file.
                    None if line > 1 => _ = function.files.insert(at.clone()),
                    None => {}
                }
            }
        }
        Self { crates: crates.to_owned(), functions }
    }

    /// What is reached from the functions of the files `roots`, without those of `cuts`; calls of
    /// the functions of a file whose name ends so (`counted`) are counted.
    ///
    /// # Panics
    /// When a root did not run: the walk then begins elsewhere.
    pub(crate) fn reach(&self, roots: &[&str], cuts: &[&str], counted: (&str, &str)) -> Reached {
        let cut_modules: Vec<String> = cuts.iter().map(|file| module_of(file)).collect();
        let is_cut = |name: &Name| {
            self.short(&name.0).is_some_and(|file| cuts.contains(&file))
                || cut_modules.iter().any(|module| name.1.contains(module))
        };
        let mut reached = Reached::default();
        let mut seen = HashSet::new();
        for root in roots {
            let begins = |name: &&Name| self.short(&name.0) == Some(root);
            let mut begin: Vec<&Name> = self.functions.keys().filter(begins).collect();
            assert!(!begin.is_empty(), "nothing of {root} ran, where a walk should begin");
            // Whoever polls a task calls its `poll` or its closures; the shortest name is outermost.
            begin.sort_by_key(|name| (name.1.len(), &name.1));
            // The last is looked at first.
            let mut open: Vec<&Name> = begin.into_iter().rev().collect();
            while let Some(name) = open.pop() {
                if !seen.insert(name) {
                    continue;
                }
                let Some(function) = self.functions.get(name) else { continue };
                if !is_glue(&name.1) {
                    for file in function.files.iter().filter_map(|file| self.short(file)) {
                        if !reached.files.iter().any(|known| known == file) {
                            reached.files.push(file.to_owned());
                        }
                    }
                }
                let mut next = Vec::new();
                for ((_, callee), count) in &function.calls {
                    if is_cut(callee) {
                        continue;
                    }
                    if callee.1.ends_with(counted.1) && self.short(&callee.0) == Some(counted.0) {
                        reached.counted += count;
                    }
                    // One function of std calls every closure whose panic is caught: the way goes
                    // on with the closure that was given here.
                    match callee.1.starts_with("__rust_try") {
                        true => next.extend(self.caught(name)),
                        false => next.push(callee),
                    }
                }
                open.extend(next.into_iter().rev());
            }
        }
        reached
    }

    /// What `catch_unwind::<F>` calls in the end.
    fn caught<'a>(&'a self, name: &Name) -> Option<&'a Name> {
        let own = name.1.split('\'').next()?;
        let inner = own.replacen(
            "std::panic::catch_unwind::<",
            "std::panicking::catch_unwind::do_call::<",
            1,
        );
        self.functions.keys().find(|(_, name)| *name == inner)
    }

    /// A file below `crates/`, from there on.
    fn short<'a>(&self, file: &'a str) -> Option<&'a str> {
        file.strip_prefix(self.crates.to_str()?)?.strip_prefix('/')
    }
}

/// A line of costs: the line in the source, and the cost.
fn position(line: &str) -> Option<(u32, u64)> {
    let mut words = line.split(' ');
    let position = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    Some(position)
}

/// Code that the compiler writes: it has a file by accident.
fn is_glue(name: &str) -> bool {
    name.starts_with("core::ptr::drop_in_place") || name.contains("{shim:")
}

/// `openhands/src/live/feed.rs` is `openhands::live::feed::`.
fn module_of(file: &str) -> String {
    let module = file.trim_end_matches(".rs").trim_end_matches("/mod").replacen("/src/", "/", 1);
    format!("{}::", module.replace('-', "_").replace('/', "::"))
}
