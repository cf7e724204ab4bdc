//! `[sandbox]`: what builds and tests may access on the machine.

use camino::Utf8PathBuf;
use serde::{Deserialize, Serialize};
use toml::Spanned;

use super::Span;
use crate::config::raw;
use crate::error::{SourceText, UserError};
use crate::model::outcome::TargetId;

/// What builds and tests may access on the machine, beyond what compiling requires.
#[derive(Clone, Debug)]
pub struct SandboxConfig {
    /// Whether to use the sandbox.
    pub mode: Spanned<SandboxMode>,
    /// What all builds and tests may access.
    pub all: Permissions,
    /// What some of them may also access.
    pub allowed: Vec<Allowance>,
}

/// Whether builds and tests run in a sandbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SandboxMode {
    /// Enforce as much as the system supports.
    Auto,
    /// Enforce all of it; otherwise nothing runs.
    Required,
    /// Do not use a sandbox.
    Off,
}

/// Permissions to access parts of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Permissions {
    /// Absolute paths of readable files and folders.
    pub read: Vec<Utf8PathBuf>,
    /// Absolute paths of writable files and folders.
    pub write: Vec<Utf8PathBuf>,
    /// Whether the network is accessible.
    pub network: bool,
}

/// Additional permissions for one step or target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Allowance {
    /// `build`, or a target's name.
    pub of: String,
    /// Its location in the file.
    #[serde(skip)]
    pub at: Span,
    /// The permissions.
    pub reach: Permissions,
}

/// The name that stands for the build of a cell.
const BUILD: &str = "build";

impl Allowance {
    /// Whether it applies to a target's tests, or to the build of a cell if `target` is `None`.
    #[must_use]
    pub fn is_of(&self, target: Option<&TargetId>) -> bool {
        match target {
            None => self.of == BUILD,
            Some(target) => target.is_called(&self.of),
        }
    }
}

impl SandboxConfig {
    /// All permissions of a target's tests, or of the build of a cell if `target` is `None`.
    #[must_use]
    pub fn reach(&self, target: Option<&TargetId>) -> Permissions {
        let mut reach = self.all.clone();
        for allowed in self.allowed.iter().filter(|a| a.is_of(target)) {
            reach.read.extend_from_slice(&allowed.reach.read);
            reach.write.extend_from_slice(&allowed.reach.write);
            reach.network |= allowed.reach.network;
        }
        reach
    }
}

pub(super) fn sandbox(
    text: &SourceText,
    written: raw::Sandbox,
) -> Result<SandboxConfig, UserError> {
    let reach = |written: raw::Access| -> Result<Permissions, UserError> {
        Ok(Permissions {
            read: absolute(text, written.read)?,
            write: absolute(text, written.write)?,
            network: written.network,
        })
    };
    let allowed = |written: raw::Allow| -> Result<Allowance, UserError> {
        let raw::Allow {
            r#for: of,
            read,
            write,
            network,
            reason,
        } = written;
        if reason.get_ref().trim().is_empty() {
            return Err(text
                .error_at("something is allowed without a reason")
                .at(reason.span(), "empty")
                .help("say why, for whoever reads this next"));
        }
        if read.is_empty() && write.is_empty() && !network {
            return Err(text
                .error_at(format!("nothing is allowed for `{}`", of.get_ref()))
                .at(of.span(), "this one")
                .help("add `network = true`, `read = [\"/path\"]` or `write = [\"/path\"]`"));
        }
        Ok(Allowance {
            at: of.span(),
            of: of.into_inner(),
            reach: reach(raw::Access {
                read,
                write,
                network,
            })?,
        })
    };
    Ok(SandboxConfig {
        mode: written.mode,
        all: reach(raw::Access {
            read: written.read,
            write: written.write,
            network: written.network,
        })?,
        allowed: written
            .allow
            .into_iter()
            .map(allowed)
            .collect::<Result<_, _>>()?,
    })
}

/// Makes paths absolute; relative ones are relative to the file's folder.
fn absolute(
    text: &SourceText,
    written: Vec<Spanned<Utf8PathBuf>>,
) -> Result<Vec<Utf8PathBuf>, UserError> {
    let absolute = |path: Spanned<Utf8PathBuf>| {
        let refused = |why: &str| {
            text.error_at(format!("`{}` cannot be allowed", path.get_ref()))
                .at(path.span(), why.to_owned())
        };
        if path.get_ref().starts_with("~") {
            let help = "write the path as the system has it; nothing stands in for a home folder";
            return Err(refused("no such folder").help(help));
        }
        let whole = std::path::absolute(text.folder().join(path.get_ref()));
        let whole = whole.map_err(|e| refused(&e.to_string()))?;
        Utf8PathBuf::from_path_buf(whole).map_err(|_| refused("its path is not valid UTF-8"))
    };
    written.into_iter().map(absolute).collect()
}
