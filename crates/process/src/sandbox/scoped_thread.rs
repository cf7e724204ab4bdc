//! Work that the tool itself does in folders where cells have written: links that lie there must not
//! lead it out.

use anyhow::{Result, bail};

use crate::sandbox::policy::FilePolicy;

/// Does something in a thread of its own, which reaches no files but these; or without bounds where
/// there are none.
///
/// # Errors
///
/// Those of what is done, and when the system cannot bound it.
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
