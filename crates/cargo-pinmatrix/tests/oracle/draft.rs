//! A workspace while it is drawn: members, targets, texts and files, not yet on disk.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Write as _;

use pinmatrix_core::model::outcome::{TargetId, TargetKind};

/// A toolchain that workspaces are drawn for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Toolchain {
    /// What the matrix calls it.
    pub label: &'static str,
    /// What rustup calls it.
    pub rustup: &'static str,
    /// The minor version of its cargo and rustc, the lower of both.
    pub minor: u32,
}

/// The toolchains that `ci/test` has.
pub const TOOLCHAINS: [Toolchain; 3] = [
    Toolchain {
        label: "stable",
        rustup: "stable",
        minor: 95,
    },
    Toolchain {
        label: "1.78",
        rustup: "debian-1.78",
        minor: 78,
    },
    Toolchain {
        label: "1.63",
        rustup: "debian-1.63",
        minor: 63,
    },
];

/// A workspace and what lies around it.
pub struct Draft {
    /// The toolchain that has to read it.
    pub toolchain: Toolchain,
    /// The pins of the matrix, in order.
    pub pins: Vec<&'static str>,
    /// The name of the outermost folder.
    pub name: &'static str,
    /// Whether the outermost folder is a git repository.
    pub in_git: bool,
    /// Whether code reads the repository's metadata; `matrix.toml` then says so.
    pub reads_git: bool,
    /// The workspace's folder within the outermost one; empty where they are the same.
    pub below: &'static str,
    /// Whether the first member is the root package.
    pub has_root_package: bool,
    /// The resolver that the root manifest asks for.
    pub resolver: Option<&'static str>,
    /// The members, in the order in which they can depend on each other.
    pub members: Vec<Member>,
    /// More lines of the root manifest.
    pub manifest: Vec<String>,
    /// Sections of the workspace's `.cargo/config.toml`.
    pub config: BTreeMap<&'static str, Vec<String>>,
    /// Sections of the `.cargo/config.toml` of the outermost folder, where that is above.
    pub outer_config: BTreeMap<&'static str, Vec<String>>,
    /// Flags for cargo and lines of `[build]` in `matrix.toml` that ask for the same.
    pub flags: Vec<(String, String)>,
    /// Whether the workspace comes with a lock.
    pub has_lock: bool,
    /// Whether the tool is asked twice, the second time with everything compiled.
    pub runs_twice: bool,
    /// More lines of `[workspace]`.
    pub workspace_lines: Vec<String>,
    /// Whether members take their requirements on the family from the workspace.
    pub inherits: bool,
    /// Files and folders, relative to the outermost folder.
    pub entries: BTreeMap<OsString, (Entry, Kept)>,
    /// Lines of `.gitignore`.
    pub ignored: Vec<String>,
    /// The names of pieces that each target bears.
    borne: BTreeMap<TargetId, BTreeSet<String>>,
    /// The names of pieces that every target of a package bears.
    borne_by_all: BTreeMap<String, BTreeSet<String>>,
    /// The names of pieces by the functions that they are in.
    functions: BTreeMap<String, String>,
    /// Names given so far.
    n_names: usize,
}

/// What lies at a path.
pub enum Entry {
    /// A file with its bytes and mode.
    File(Vec<u8>, u32),
    /// An empty folder.
    Folder,
    /// A symbolic link to a text.
    Link(String),
}

/// How git keeps an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kept {
    /// It is committed.
    Tracked,
    /// It is committed, and a line of `.gitignore` names it.
    TrackedThoughIgnored,
    /// It is new.
    Untracked,
    /// A line of `.gitignore` names it.
    Ignored,
}

/// Where a dependency stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    Normal,
    Dev,
    Build,
}

/// What a member asks of a dependency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Asked {
    pub features: BTreeSet<&'static str>,
    pub without_default: bool,
}

/// A package of the workspace.
pub struct Member {
    pub name: &'static str,
    /// Its folder within the workspace.
    pub folder: &'static str,
    pub edition: &'static str,
    pub is_macro: bool,
    /// More lines of `[lib]`.
    pub lib_lines: Vec<&'static str>,
    /// What its library is called, where that is not the package's name.
    pub lib_name: Option<&'static str>,
    /// Modules of its library that lie in files of their own.
    pub modules: BTreeMap<String, String>,
    /// The `links` key: native code that no other package may link.
    pub links: Option<String>,
    /// The text of its library; none where it has none.
    pub lib: Option<Source>,
    /// Its other targets.
    pub targets: Vec<Target>,
    /// Features that are on by default.
    pub default: Vec<&'static str>,
    /// What `gadget` is called here.
    pub gadget: &'static str,
    pub dependencies: BTreeMap<(Table, String), Asked>,
    /// Statements of its build script; it has one where there are any.
    pub script: Source,
    /// Whether every target has a section in the manifest.
    pub is_explicit: bool,
}

/// Source text.
#[derive(Clone, Default)]
pub struct Source {
    /// Attributes of the crate.
    pub attributes: BTreeSet<String>,
    /// Items.
    pub items: String,
    /// Statements of `main`.
    pub main: String,
}

/// A target that is no library.
pub struct Target {
    pub kind: TargetKind,
    pub name: String,
    pub source: Source,
    /// False where it brings its own `main` as a test.
    pub harness: bool,
    /// Whether it is the binary in `src/main.rs`.
    pub is_main: bool,
    /// Whether it lies in a folder of its own, as `main.rs`.
    pub in_folder: bool,
    /// The `test` key, where it is not the default.
    pub test: Option<bool>,
    pub required: Option<&'static str>,
    /// Whether nothing more may be put there: it ends its process.
    pub is_closed: bool,
}

impl Draft {
    /// An empty one.
    pub fn new(toolchain: Toolchain) -> Self {
        Self {
            toolchain,
            pins: Vec::new(),
            name: "subject",
            in_git: false,
            reads_git: false,
            below: "",
            has_root_package: false,
            resolver: None,
            members: Vec::new(),
            manifest: Vec::new(),
            config: BTreeMap::new(),
            outer_config: BTreeMap::new(),
            flags: Vec::new(),
            has_lock: true,
            runs_twice: false,
            workspace_lines: Vec::new(),
            inherits: false,
            entries: BTreeMap::new(),
            ignored: Vec::new(),
            borne: BTreeMap::new(),
            borne_by_all: BTreeMap::new(),
            functions: BTreeMap::new(),
            n_names: 0,
        }
    }

    /// A name that nothing else has.
    pub fn fresh(&mut self, prefix: &str) -> String {
        self.n_names += 1;
        format!("{prefix}{}", self.n_names)
    }

    /// A member's folder within the outermost one.
    pub fn folder_of(&self, member: usize) -> String {
        join(self.below, self.members[member].folder)
    }

    /// The way from a member's folder up to the workspace's: `../..`, or `.`.
    pub fn up_to_workspace(&self, member: usize) -> String {
        up(self.members[member].folder)
    }

    /// The way from a member's folder up to the outermost one.
    pub fn up_to_top(&self, member: usize) -> String {
        up(&self.folder_of(member))
    }

    /// Puts an entry into a folder of a member.
    pub fn put(&mut self, member: usize, path: &str, entry: Entry) {
        let path = join(&self.folder_of(member), path);
        self.entries.insert(path.into(), (entry, Kept::Tracked));
    }

    /// Puts a file into a folder of a member.
    pub fn write(&mut self, member: usize, path: &str, text: &str) {
        self.put(member, path, Entry::File(text.as_bytes().to_vec(), 0o644));
    }

    /// Says that a target bears a piece.
    pub fn bears(&mut self, target: TargetId, piece: &str) {
        let borne = self.borne.entry(target).or_default();
        borne.insert(piece.to_owned());
    }

    /// Says that every target of a member bears a piece.
    pub fn bears_all(&mut self, member: usize, piece: &str) {
        let package = self.members[member].name.to_owned();
        let borne = self.borne_by_all.entry(package).or_default();
        borne.insert(piece.to_owned());
    }

    /// Says that a function is of a piece.
    pub fn is_of(&mut self, function: &str, piece: &str) {
        self.functions.insert(function.to_owned(), piece.to_owned());
    }

    /// The names of the pieces behind a case, or behind all that a target bears.
    pub fn pieces(&self, target: &TargetId, case: Option<&str>) -> BTreeSet<&str> {
        let words: BTreeSet<&str> = case.unwrap_or_default().split([' ', ':']).collect();
        let of_case = words.iter().filter_map(|word| self.functions.get(*word));
        let of_case: BTreeSet<&str> = of_case.map(String::as_str).collect();
        if !of_case.is_empty() {
            return of_case;
        }
        let own = self.borne.get(target).into_iter().flatten();
        let all = self.borne_by_all.get(&target.package).into_iter().flatten();
        own.chain(all).map(String::as_str).collect()
    }
}

impl Member {
    /// The name of its library in code.
    pub fn krate(&self) -> String {
        self.lib_name.unwrap_or(self.name).replace('-', "_")
    }

    /// Its target of a kind and name, for reports.
    pub fn id(&self, kind: TargetKind, name: &str) -> TargetId {
        TargetId {
            package: self.name.to_owned(),
            kind,
            name: name.to_owned(),
        }
    }

    /// Its library, or the doc tests of it.
    pub fn lib_id(&self, kind: TargetKind) -> TargetId {
        self.id(kind, &self.krate())
    }

    /// Asks for a dependency.
    pub fn ask(&mut self, table: Table, name: &str) -> &mut Asked {
        self.dependencies
            .entry((table, name.to_owned()))
            .or_default()
    }

    /// Whether code sees a dependency: tests, or what is built without them.
    pub fn sees(&self, name: &str, in_tests: bool) -> bool {
        let has = |table| self.dependencies.contains_key(&(table, name.to_owned()));
        has(Table::Normal) || in_tests && has(Table::Dev)
    }

    /// A new target, open for more.
    pub fn add(&mut self, kind: TargetKind, name: String) -> &mut Target {
        self.targets.push(Target {
            kind,
            name,
            source: Source::default(),
            harness: true,
            is_main: false,
            in_folder: false,
            test: None,
            required: None,
            is_closed: false,
        });
        self.targets.last_mut().expect("just pushed")
    }
}

impl Target {
    /// Whether `cargo test` makes a test executable of it.
    pub fn bears_tests(&self) -> bool {
        self.test.unwrap_or(match self.kind {
            TargetKind::Bin | TargetKind::Test => true,
            TargetKind::Example | TargetKind::Bench | TargetKind::Lib | TargetKind::Doc => false,
        })
    }

    /// The path of its text within the package.
    pub fn path(&self) -> String {
        let folder = match self.kind {
            TargetKind::Bin if self.is_main => return "src/main.rs".to_owned(),
            TargetKind::Bin => "src/bin",
            TargetKind::Test => "tests",
            TargetKind::Example => "examples",
            TargetKind::Bench => "benches",
            TargetKind::Lib | TargetKind::Doc => "src",
        };
        if self.in_folder {
            format!("{folder}/{}/main.rs", self.name)
        } else {
            format!("{folder}/{}.rs", self.name)
        }
    }
}

impl Source {
    /// The text of a file, with a `main` where it needs one.
    pub fn text(&self, needs_main: bool) -> String {
        let mut text = String::new();
        for attribute in &self.attributes {
            writeln!(text, "#![{attribute}]").expect("memory");
        }
        text.push_str(&self.items);
        if needs_main {
            write!(text, "fn main() {{\n{}}}\n", self.main).expect("memory");
        }
        text
    }
}

/// Two paths as one; either may be empty.
pub fn join(folder: &str, path: &str) -> String {
    match (folder, path) {
        ("", path) => path.to_owned(),
        (folder, "") => folder.to_owned(),
        (folder, path) => format!("{folder}/{path}"),
    }
}

fn up(folder: &str) -> String {
    let n_folders = folder.split('/').filter(|part| !part.is_empty()).count();
    match n_folders {
        0 => ".".to_owned(),
        n => vec![".."; n].join("/"),
    }
}
