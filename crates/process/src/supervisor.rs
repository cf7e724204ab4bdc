//! The supervisor: a second process of this program, between the tool and one of its children.
//!
//! Processes that a child leaves behind become children of the supervisor, however they were
//! started (<https://man7.org/linux/man-pages/man2/PR_SET_CHILD_SUBREAPER.2const.html>), so the
//! supervisor can kill all of them. It does so when the tool orders it or is gone: they hold the
//! two ends of one socket, which the system closes when a process dies.
//!
//! ```text
//! tool ── socket ── supervisor ─┬─ child ─ ...
//!                               └─ orphaned descendants
//! ```

use std::ffi::OsString;
use std::fs::File;
use std::io::{BufRead, BufReader, ErrorKind, Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;
use rustix::process::{Pid, Signal, WaitOptions};
use serde::{Deserialize, Serialize};
use xshell::{Cmd, Shell, cmd};

use crate::sandbox::landlock::{enter_namespaces, restrict_thread};
use crate::sandbox::policy::Policy;

/// The first argument that makes this program a supervisor.
const ROLE: &str = "pinmatrix-supervisor";
/// This program, even if its file has been replaced or removed in the meantime.
const MYSELF: &str = "/proc/self/exe";

/// The order to a supervisor to terminate all processes.
pub(super) const TERMINATE: u8 = b'T';
/// The order to a supervisor to kill all processes.
pub(super) const KILL: u8 = b'K';

/// The report of a supervisor when its child has ended.
#[derive(Serialize, Deserialize)]
pub(super) struct ExitReport {
    /// How the child ended.
    pub end: ExitCause,
    /// CPU time of the child and of all processes that were waited for, in microseconds.
    pub cpu: u64,
}

/// How a child ended.
#[derive(Serialize, Deserialize)]
pub(super) enum ExitCause {
    Code(i32),
    Signal(i32),
    Lost(String),
}

/// Runs the supervisor if this program was started as one. The `main` of a program that supervises
/// its children begins with this call, and returns its result if there is one.
#[must_use]
pub fn supervisor_main() -> Option<ExitCode> {
    let mut args = std::env::args_os().skip(1);
    let role = args.next()?;
    let served = match role.to_str()? {
        ROLE => supervise(&args.collect::<Vec<_>>()),
        _ => return None,
    };
    // If it failed, the closed socket without a report shows the tool that it ended.
    Some(served.map_or(ExitCode::FAILURE, |()| ExitCode::SUCCESS))
}

/// Creates the command of a supervisor for a program with its arguments.
pub(super) fn command<'a>(shell: &'a Shell, program: &Path, args: &[OsString]) -> Cmd<'a> {
    cmd!(shell, "{MYSELF} {ROLE} {program} {args...}")
}

/// Starts the child, reports how it ended, and stays until none of its descendants is left.
fn supervise(command: &[OsString]) -> Result<()> {
    // A separate session from the user's terminal, so that a child cannot inject input there.
    rustix::process::setsid()?;
    // Its standard input is the socket.
    let tool = std::io::stdin().as_fd().try_clone_to_owned();
    let tool = UnixStream::from(tool.context("find the socket")?);
    let mut orders = BufReader::new(tool.try_clone()?);
    let mut start = String::new();
    orders.read_line(&mut start)?;
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    let start: SupervisorInput = serde_json::from_str(&start)?;
    let null = File::options().write(true).open("/dev/null")?;
    // Do this before starting another thread: only a single-threaded process can enter namespaces.
    if let Err(error) = enter_namespaces(&start.policy) {
        return report_exit(&tool, ExitCause::Lost(format!("{error:#}")));
    }
    let charge = Arc::new(Subtree::default());
    let obeying = Arc::clone(&charge);
    std::thread::Builder::new().spawn(move || obeying.handle_orders(orders))?;
    let child = match start_child(command, start) {
        Ok(child) => child,
        Err(error) => return report_exit(&tool, ExitCause::Lost(format!("{error:#}"))),
    };
    charge.take(child);
    // The output streams belong to the child; whoever reads them sees its end by their closing.
    rustix::stdio::dup2_stdout(&null)?;
    rustix::stdio::dup2_stderr(&null)?;
    loop {
        match rustix::process::wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) if pid == child => {
                charge.release();
                let end = match (status.exit_status(), status.terminating_signal()) {
                    (Some(code), _) => ExitCause::Code(code),
                    (None, Some(signal)) => ExitCause::Signal(signal),
                    (None, None) => ExitCause::Lost("it ended in no known way".to_owned()),
                };
                // The tool may be gone, but what the child left behind is still here.
                let _ = report_exit(&tool, end);
            }
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(_) => return Ok(()),
        }
    }
}

fn report_exit(mut tool: &UnixStream, end: ExitCause) -> Result<()> {
    let used = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let cpu = (used.user_time() + used.system_time()).num_microseconds();
    let cpu = u64::try_from(cpu).unwrap_or_default();
    let mut line = serde_json::to_string(&ExitReport { end, cpu })?;
    line.push('\n');
    Ok(tool.write_all(line.as_bytes())?)
}

/// The input of a supervisor in addition to the command.
#[derive(Serialize, Deserialize)]
pub(super) struct SupervisorInput {
    /// What the child may access.
    pub policy: Policy,
    /// The child's complete environment. The supervisor itself does not get it: a library named
    /// there would run in the supervisor, which is not restricted.
    pub vars: Vec<(OsString, OsString)>,
}

/// Starts the child in a thread that is restricted and then ends, so that only the child is
/// restricted and not the supervisor, and its signals cannot reach the supervisor.
fn start_child(command: &[OsString], start: SupervisorInput) -> Result<Pid> {
    let SupervisorInput { policy, vars } = start;
    let (program, args) = command.split_first().context("find a program")?;
    let spawn = || -> Result<Pid> {
        #[expect(
            clippy::disallowed_methods,
            reason = "a supervisor starts the child that it is for"
        )]
        let mut command = Command::new(program);
        command.args(args).env_clear().envs(vars);
        command.stdin(Stdio::null()).process_group(0);
        if let Some(files) = &policy.files {
            restrict_thread(files).context("bound the files")?;
        }
        let child = command.spawn();
        let child = child.with_context(|| format!("start {}", program.display()))?;
        Ok(Pid::from_child(&child))
    };
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().spawn_scoped(scope, spawn)?;
        let started = thread.join();
        started.unwrap_or_else(|_| bail!("start {}: the supervisor failed", program.display()))
    })
}

/// The child of a supervisor, and all its orphaned descendants.
#[derive(Default)]
struct Subtree {
    /// The child's id, until it is waited for: then its group could belong to another process.
    child: AtomicI32,
}

impl Subtree {
    fn take(&self, child: Pid) {
        self.child.store(child.as_raw_pid(), Ordering::SeqCst);
    }

    fn release(&self) {
        self.child.store(0, Ordering::SeqCst);
    }

    /// Follows the tool's orders, and kills all processes if the tool is gone.
    fn handle_orders(&self, mut orders: impl Read) {
        let mut order = [KILL];
        loop {
            match orders.read(&mut order) {
                Ok(1) if order == [TERMINATE] => self.signal(Signal::TERM),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(_) | Err(_) => break,
            }
        }
        // The children of a killed process become children of the supervisor, which exits when none
        // is left.
        loop {
            self.signal(Signal::KILL);
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    fn signal(&self, signal: Signal) {
        // The group may be empty already, which is fine.
        let own = Pid::from_raw(self.child.load(Ordering::SeqCst));
        if let Some(child) = own {
            let _ = rustix::process::kill_process_group(child, signal);
        }
        for child in children().into_iter().filter(|child| Some(*child) != own) {
            let _ = rustix::process::kill_process(child, signal);
        }
    }
}

/// The children of this process, whichever of its threads started them.
/// <https://man7.org/linux/man-pages/man5/proc_pid_task.5.html>
fn children() -> Vec<Pid> {
    let tasks = std::fs::read_dir("/proc/self/task").into_iter().flatten();
    let lists = tasks.flatten().map(|task| task.path().join("children"));
    let texts = lists.filter_map(|list| std::fs::read_to_string(list).ok());
    let texts: Vec<String> = texts.collect();
    let ids = texts.iter().flat_map(|text| text.split_ascii_whitespace());
    ids.filter_map(|id| Pid::from_raw(id.parse().ok()?))
        .collect()
}
