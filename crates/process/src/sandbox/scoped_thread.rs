//! Restricted threads for work of the tool itself in folders where cells have written: links in
//! these folders must not lead the tool out of them.

use anyhow::{Result, bail};

use crate::sandbox::policy::FilePolicy;

/// Runs a closure in a separate thread that can only access these files; without restrictions if
/// `files` is `None`.
///
/// # Errors
///
/// The errors of the closure, and an error if the system cannot restrict the thread.
pub fn confined<T: Send>(
    files: Option<FilePolicy>,
    then: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    let Some(files) = files else {
        return then();
    };
    let bounded = move || -> Result<T> {
        bound(&files)?;
        then()
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, bounded)?;
        match thread.join() {
            Ok(done) => done,
            Err(_) => bail!("the work in a cell's folders failed"),
        }
    })
}

#[cfg(target_os = "linux")]
fn bound(files: &FilePolicy) -> Result<()> {
    crate::sandbox::landlock::restrict_thread(files)
}

#[cfg(not(target_os = "linux"))]
fn bound(_: &FilePolicy) -> Result<()> {
    Ok(())
}
