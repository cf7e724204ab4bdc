//! The sandbox of a cell: what its build and its tests may access, and how much of that this system
//! can enforce.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use camino::{Utf8Path, Utf8PathBuf};
use pinmatrix_core::config::{Config, Permissions, SandboxMode};
use pinmatrix_core::error::UserError;
use pinmatrix_core::model::outcome::TargetId;
use pinmatrix_core::model::outcome::enforced::Enforced;
use pinmatrix_process::bounded_output::BoundedOutput;
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::child::{CommandSpec, Supervision};
use pinmatrix_process::sandbox::policy::{FilePolicy, MountPolicy, Policy, PrivateDir, SHARED};
use pinmatrix_process::{Limits, Stream, run};

use crate::cache::key;
use crate::machine::cargo_home::{cargo_home, own_config};
use crate::machine::{cargo_config, own_env, rustup};
use crate::matrix::Matrix;
use crate::matrix::cell_context::CellContext;
use crate::workdir::lane_dirs::LaneDirs;

/// The folders in which a system keeps compilers and programs.
const SYSTEM: &[&str] = &[
    "/bin",
    "/etc",
    "/gnu/store",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/nix/store",
    "/opt",
    "/proc",
    "/run/current-system",
    "/sbin",
    "/snap",
    "/sys",
    "/usr",
    "/var/lib/dpkg",
];
/// Devices that hold no user data.
const DEVICES: &[&str] = &[
    "/dev/full",
    "/dev/null",
    "/dev/random",
    "/dev/urandom",
    "/dev/zero",
];
/// What belongs to the cell if it has mounts of its own: terminals, and the entries through which a
/// process changes itself. The rest of `/proc` is read-only then.
const OF_ITS_OWN: &[&str] = &["/dev/ptmx", "/dev/pts", "/dev/tty", "/proc"];
/// The parts of cargo's home that builds read. The credentials are not included.
const OF_CARGO: &[&str] = &["config", "config.toml", "git", "registry"];
/// The parts of rustup's home that its proxies read.
const OF_RUSTUP: &[&str] = &["settings.toml", "toolchains"];

/// The commands that probe what the system can enforce; cargo and tests do the same things.
const TRIAL: &str = "mkdir -p a b && : > a/c && ln -f a/c b/c && mv a/c c && rm -r a b c";
/// Additional commands for a child with its own mounts: a file elsewhere keeps its mode, and a file
/// in a shared folder appears in the cell's own.
const TRIAL_OF_MOUNTS: &str = " && : > /tmp/d && ! chmod 0700 ../key 2> /dev/null";
/// The timeout of the probe.
const PATIENCE: Duration = Duration::from_secs(20);

/// The sandbox of all cells of a matrix.
pub struct CellSandbox<'a> {
    config: &'a Config,
    enforced: Enforced,
    /// The reason why the system does not enforce all of it.
    pub missing: Option<String>,
}

impl<'a> CellSandbox<'a> {
    /// Probes in `trial` what this system can enforce, and uses as much as it can.
    ///
    /// # Errors
    ///
    /// Returns a [`UserError`] if the config requires more.
    pub fn open(matrix: &'a Matrix, trial: &Utf8Path, cancel: &Cancel) -> Result<Self> {
        let config = &matrix.config;
        let mut sandbox = Self {
            config,
            enforced: Enforced::default(),
            missing: None,
        };
        let mode = &config.sandbox.mode;
        if *mode.get_ref() == SandboxMode::Off {
            return Ok(sandbox);
        }
        std::fs::create_dir_all(trial).with_context(|| format!("make {trial}"))?;
        // Another run may probe at the same time.
        let folder = tempfile::tempdir_in(trial).context("make a folder to try in")?;
        let folder = Utf8Path::from_path(folder.path()).context("read its path as text")?;
        let attempt = |enforced: Enforced| attempt(folder, enforced, cancel);
        if cancel.supervision() == Supervision::Supervised
            && let Some(why) = attempt(Enforced::default())?
        {
            anyhow::bail!("this machine cannot even try what a sandbox takes: {why}");
        }
        let nothing = Enforced::default();
        let files = attempt(Enforced {
            files: true,
            ..nothing
        })?;
        let network = attempt(Enforced {
            network: true,
            ..nothing
        })?;
        // Mounts need the file policy, which lists what may be written.
        let mounts = match &files {
            Some(why) => Some(why.clone()),
            None => attempt(Enforced {
                files: true,
                mounts: true,
                ..nothing
            })?,
        };
        sandbox.enforced = Enforced {
            files: files.is_none(),
            network: network.is_none(),
            mounts: mounts.is_none(),
        };
        sandbox.missing = files.or(network).or(mounts);
        if let Some(why) = &sandbox.missing
            && *mode.get_ref() == SandboxMode::Required
        {
            return Err(not_possible(config, why).into());
        }
        Ok(sandbox)
    }

    /// Returns what is enforced.
    #[must_use]
    pub fn enforced(&self) -> Enforced {
        self.enforced
    }

    /// Returns what the build of a cell, or a target's tests, may access.
    #[must_use]
    pub fn policy(&self, cell: &SandboxedCell<'_>, target: Option<&TargetId>) -> Policy {
        let reach = self.config.sandbox.reach(target);
        let network = reach.network || !self.enforced.network;
        let mounts = self.enforced.mounts;
        let files = self.enforced.files.then(|| cell.files(reach, mounts));
        Policy { files, network }
    }

    /// Returns what the tool itself may access while it works in folders that cells have
    /// written; `None` if that cannot be enforced.
    #[must_use]
    pub fn confines(&self, read: &[&Utf8Path], write: &[&Utf8Path]) -> Option<FilePolicy> {
        self.enforced.files.then(|| FilePolicy {
            read: read.iter().map(|path| (*path).to_owned()).collect(),
            write: write.iter().map(|path| (*path).to_owned()).collect(),
            mounts: None,
        })
    }

    /// Returns a name for the restrictions on builds: what a build script made under other
    /// restrictions must not be reused.
    ///
    /// # Errors
    ///
    /// Returns the errors of [`key::of`].
    pub fn name(&self) -> Result<String> {
        let hash = key::of(&(self.enforced, self.config.sandbox.reach(None)))?;
        Ok(hash[..6].to_owned())
    }

    /// Returns the part of the sandbox that decides outcomes.
    #[must_use]
    pub fn cache_relevant(&self) -> impl serde::Serialize + use<'a> {
        let sandbox = &self.config.sandbox;
        (self.enforced, &sandbox.all, &sandbox.allowed)
    }
}

/// A flag can require the sandbox too; then there is no position in the file.
fn not_possible(config: &Config, why: &str) -> UserError {
    let error = config
        .text
        .error_at("this system cannot close the sandbox, which is required")
        .help(format!(
            "{why}; `auto` closes as much of it as there is, and says so"
        ));
    match config.sandbox.mode.span() {
        span if span.is_empty() => error,
        span => error.at(span, "here"),
    }
}

/// Probes a part of the sandbox, and returns the reason if it cannot be enforced.
fn attempt(trial: &Utf8Path, enforced: Enforced, cancel: &Cancel) -> Result<Option<String>> {
    if cancel.supervision() == Supervision::Direct {
        return Ok(Some("only Linux has what a sandbox takes".to_owned()));
    }
    let [cell, temporary] = ["cell", "tmp"].map(|name| trial.join(name));
    for folder in [&cell, &temporary] {
        std::fs::create_dir_all(folder).with_context(|| format!("make {folder}"))?;
    }
    let key = trial.join("key");
    std::fs::write(&key, "").with_context(|| format!("write {key}"))?;
    let private = PrivateDir {
        place: "/tmp".into(),
        folder: temporary.clone(),
    };
    let (script, mounts) = if enforced.mounts {
        let mounts = MountPolicy {
            write: vec![cell.clone()],
            private: vec![private],
            shim: None,
        };
        (format!("{TRIAL}{TRIAL_OF_MOUNTS}"), Some(mounts))
    } else {
        (TRIAL.to_owned(), None)
    };
    let args = ["-c", &script].map(OsString::from);
    let vars = BTreeMap::from([("PATH".into(), own_env::var("PATH").unwrap_or_default())]);
    let spec = CommandSpec::new(
        Path::new("/bin/sh"),
        &args,
        &cell,
        &vars,
        Supervision::Supervised,
    )?;
    let devices = DEVICES.iter().map(Utf8PathBuf::from);
    let shared = mounts.iter().map(|_| "/tmp".into());
    let files = FilePolicy {
        read: SYSTEM.iter().map(Utf8PathBuf::from).collect(),
        write: devices.chain([cell.clone()]).chain(shared).collect(),
        mounts,
    };
    let limits = Limits {
        limit: PATIENCE,
        policy: &Policy {
            files: enforced.files.then_some(files),
            network: !enforced.network,
        },
        cancel: &Cancel::with_supervisors(),
    };
    let mut output = BoundedOutput::default();
    let mut follower = |_: Stream, line: &[u8]| output.add(line);
    let ended = run(spec, limits, &mut follower);
    if !ended.exit.is_success() {
        let message = format!("{} {}", ended.exit, output.text().trim());
        return Ok(Some(message.trim().to_owned()));
    }
    let is_seen = !enforced.mounts || temporary.join("d").exists();
    Ok((!is_seen).then(|| "/tmp stays the one that all programs share".to_owned()))
}

/// A cell working in a lane's folders, and what it sees of the environment.
pub struct SandboxedCell<'a> {
    /// What it consists of.
    pub context: &'a CellContext<'a>,
    /// Where it works.
    pub folders: &'a LaneDirs,
    /// The linker to use instead of the toolchain's default.
    pub linker: Option<&'a Utf8Path>,
}

impl SandboxedCell<'_> {
    /// Returns every file that compiling and testing reads and writes, and what is allowed in
    /// addition.
    fn files(&self, reach: Permissions, mounts: bool) -> FilePolicy {
        let Self {
            context, folders, ..
        } = self;
        let mut read: Vec<Utf8PathBuf> = SYSTEM.iter().map(Utf8PathBuf::from).collect();
        read.extend(self.programs());
        let sysroot = &context.toolchain.sysroot;
        read.extend(text(sysroot.clone()));
        read.extend(text(context.toolchain.libraries.clone()));
        read.extend(linked(&["bin", "lib"].map(|name| sysroot.join(name))));
        if context.toolchain.rustup.is_some()
            && let Some(home) = rustup::home().and_then(text)
        {
            read.extend(OF_RUSTUP.iter().map(|name| home.join(name)));
            read.extend(linked(&[home.join("toolchains").into()]));
        }
        let subject = &context.tree.subject;
        if let Some(home) = cargo_home().and_then(text) {
            read.extend(OF_CARGO.iter().map(|name| home.join(name)));
            let above = home.parent().unwrap_or(&home);
            let configs = own_config().into_iter().flatten();
            read.extend(configs.flat_map(|config| cargo_config::folders(&config, above)));
        }
        for config in subject.cargo_configs().unwrap_or_default() {
            let root = folders.checkout.join(&config.folder);
            read.extend(cargo_config::folders(&config.text, &root));
            let root = subject.checkout.origin.join(&config.folder);
            read.extend(cargo_config::folders(&config.text, &root));
        }
        read.extend(subject.git.iter().map(|git| git.objects.clone()));
        read.extend(subject.reaches.iter().cloned());
        // A package can inherit from a workspace above it, and cargo reads every config above its
        // working directory.
        let above = subject.reaches.iter().flat_map(|path| path.ancestors());
        read.extend(above.map(|folder| folder.join("Cargo.toml")));
        for folder in folders.subject.ancestors() {
            read.extend(cargo_config::PLACES.map(|place| folder.join(place)));
        }
        read.extend(
            context
                .pin_context
                .local
                .iter()
                .map(|(folder, _)| folder.clone()),
        );
        // The lane's own folder, the rustc wrappers beside it, and nothing of other lanes.
        read.push(folders.copy().to_owned());
        read.extend(["rustc", "chosen"].map(|wrapper| folders.beside(wrapper)));
        let mounts = mounts.then(|| self.mounts(&reach));
        read.extend(reach.read);
        // Not the whole copy: the files beside these decide for whoever works in them.
        let mut write = vec![folders.checkout.clone(), folders.home()];
        write.extend(DEVICES.iter().map(Utf8PathBuf::from));
        write.extend(reach.write);
        if let Some(mounts) = &mounts {
            write.extend(mounts.private.iter().map(|private| private.place.clone()));
            write.extend(OF_ITS_OWN.iter().map(Utf8PathBuf::from));
        }
        let mut files = FilePolicy {
            read,
            write,
            mounts,
        };
        if !files.has_private(SHARED) {
            files.write.push(folders.tmp.clone());
        }
        files
    }

    /// Returns what stays writable, and the private folders that replace shared ones unless
    /// those are allowed.
    fn mounts(&self, reach: &Permissions) -> MountPolicy {
        let folders = self.folders;
        let is_reached = |place: &Utf8Path| {
            let mut reached = reach.read.iter().chain(&reach.write);
            reached.any(|path| place.starts_with(path))
        };
        let private = folders.private().into_iter();
        // One mount for all folders of the lane, since files are moved and linked between them.
        let mut write = vec![folders.copy().to_owned()];
        write.extend(reach.write.iter().cloned());
        if is_reached(SHARED.into()) {
            write.push(folders.tmp.clone());
        }
        MountPolicy {
            write,
            private: private.filter(|own| !is_reached(&own.place)).collect(),
            shim: None,
        }
    }

    /// Returns the folders in `PATH`, except one that contains the user's home, and the files
    /// that variables name, such as a compiler or a wrapper.
    fn programs(&self) -> Vec<Utf8PathBuf> {
        let home = std::env::home_dir().unwrap_or_default();
        // This excludes what a build script sets for its package's tests.
        let vars = self.context.vars(self.context.toolchain);
        let path = vars.get(OsStr::new("PATH")).cloned();
        let folders = std::env::split_paths(&path.unwrap_or_default()).collect::<Vec<_>>();
        let fits = |folder: &PathBuf| folder.is_absolute() && !home.starts_with(folder);
        let named = vars.values().map(PathBuf::from);
        let named = named.chain(self.linker.map(|linker| linker.as_std_path().to_owned()));
        let files = named.filter(|path| path.is_absolute() && path.is_file());
        let folders = folders.into_iter().filter(fits);
        folders.chain(files).filter_map(text).collect()
    }
}

/// Returns the targets of links in folders of toolchains: one can be composed of others, and rustup
/// can have one that is somewhere else.
fn linked(folders: &[PathBuf]) -> Vec<Utf8PathBuf> {
    let entries = folders.iter().filter_map(|folder| folder.read_dir().ok());
    let entries = entries.flatten().flatten().map(|entry| entry.path());
    let links = folders.iter().cloned().chain(entries);
    let links = links.filter(|path| path.is_symlink());
    links
        .filter_map(|link| text(link.canonicalize().ok()?))
        .collect()
}

fn text(path: PathBuf) -> Option<Utf8PathBuf> {
    Utf8PathBuf::from_path_buf(path).ok()
}
