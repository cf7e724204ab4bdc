//! A child process: starting it, terminating or killing it, and waiting for it.
//!
//! On Linux a supervisor process runs between the child and the tool ([`crate::supervisor`]) if the
//! program supports it; elsewhere a child and its descendants form a process group.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::Path;
use std::process::{ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::Result;
use camino::Utf8Path;
use xshell::{Shell, cmd};

#[cfg(target_os = "linux")]
use self::supervised::SupervisedChild;
use crate::sandbox::policy::Policy;

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited with a code.
    Code(i32),
    /// It was killed by a signal that this tool did not send.
    Signal(i32),
    /// The tool ended it: its time limit or its follower's deadline was reached.
    TimedOut,
    /// The tool ended it because the run was interrupted.
    Interrupted,
    /// It could not be started, or was lost.
    Lost(String),
}

impl Exit {
    /// True for exit code 0.
    #[must_use]
    pub fn is_success(&self) -> bool {
        *self == Self::Code(0)
    }
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit {code}"),
            Self::Signal(signal) => write!(f, "signal {signal}"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Interrupted => f.write_str("interrupted"),
            Self::Lost(why) => write!(f, "lost: {why}"),
        }
    }
}

/// A command to run as a child: a program, its arguments, a folder, and its complete environment.
pub struct CommandSpec {
    /// The command; variables can be added to its environment.
    pub command: Command,
    /// The program, for messages.
    program: String,
    is_supervised: bool,
}

/// Whether a supervisor stands between a child and the tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervision {
    /// The child runs below a supervisor, where the system has them.
    Supervised,
    /// The tool starts the child itself.
    Direct,
}

impl CommandSpec {
    /// Returns the program, for messages.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Creates a command, to run with or without a supervisor.
    ///
    /// # Errors
    ///
    /// If this process has no working directory.
    pub fn new(
        program: &Path,
        args: &[OsString],
        folder: &Utf8Path,
        vars: &BTreeMap<OsString, OsString>,
        supervision: Supervision,
    ) -> Result<Self> {
        let is_supervised = supervision == Supervision::Supervised && cfg!(target_os = "linux");
        let shell = Shell::new()?;
        shell.change_dir(folder);
        let command = match is_supervised {
            #[cfg(target_os = "linux")]
            true => crate::supervisor::command(&shell, program, args),
            _ => cmd!(shell, "{program} {args...}"),
        };
        Ok(Self {
            command: Command::from(command.env_clear().envs(vars)),
            program: program.display().to_string(),
            is_supervised,
        })
    }

    /// Starts the child. The policy is only enforced under a supervisor.
    ///
    /// # Errors
    ///
    /// A message, if the child cannot be started.
    pub(super) fn start(mut self, policy: &Policy) -> Result<Child, String> {
        self.command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let program = self.program;
        let lost = |e: io::Error| format!("start {program}: {e}");
        match self.is_supervised {
            #[cfg(target_os = "linux")]
            true => SupervisedChild::start(self.command, policy).map_err(lost),
            _ => {
                let _ = policy;
                own_group(&mut self.command);
                let mut child = self.command.stdin(Stdio::null()).spawn().map_err(lost)?;
                Ok(Child {
                    id: child.id(),
                    ending: KillHandle::Group(child.id()),
                    out: child.stdout.take(),
                    err: child.stderr.take(),
                    waiting: Waiting::Plain(child),
                })
            }
        }
    }
}

/// A running child.
pub(super) struct Child {
    /// The id of the process that represents it: its own, or its supervisor's.
    pub id: u32,
    /// The handle to end it.
    pub ending: KillHandle,
    /// Its standard output.
    pub out: Option<ChildStdout>,
    /// Its standard error.
    pub err: Option<ChildStderr>,
    /// The handle to wait for it.
    pub waiting: Waiting,
}

/// How a child ended.
pub(super) struct ExitInfo {
    /// The exit status.
    pub exit: Exit,
    /// CPU time of the child and of all processes it waited for.
    pub cpu: Duration,
}

/// A handle to end a child and everything that it started.
#[derive(Clone, Debug)]
pub(super) enum KillHandle {
    /// The process group that the child leads. The id is not reused while a member of the group is
    /// alive.
    Group(#[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has process groups"))] u32),
    /// The socket of its supervisor.
    #[cfg(target_os = "linux")]
    Supervisor(std::sync::Arc<std::os::unix::net::UnixStream>),
}

impl KillHandle {
    /// Asks all processes to terminate.
    pub fn terminate(&self) {
        match self {
            #[cfg(unix)]
            Self::Group(group) => signal(*group, rustix::process::Signal::TERM),
            #[cfg(not(unix))]
            Self::Group(_) => {}
            #[cfg(target_os = "linux")]
            Self::Supervisor(supervisor) => {
                supervised::send(supervisor, crate::supervisor::TERMINATE)
            }
        }
    }

    /// Kills all processes.
    pub fn kill(&self) {
        match self {
            #[cfg(unix)]
            Self::Group(group) => signal(*group, rustix::process::Signal::KILL),
            #[cfg(not(unix))]
            Self::Group(_) => {}
            #[cfg(target_os = "linux")]
            Self::Supervisor(supervisor) => supervised::send(supervisor, crate::supervisor::KILL),
        }
    }
}

#[cfg(unix)]
fn signal(group: u32, signal: rustix::process::Signal) {
    let id = i32::try_from(group).ok();
    if let Some(id) = id.and_then(rustix::process::Pid::from_raw) {
        // The group may be empty already, which is fine.
        let _ = rustix::process::kill_process_group(id, signal);
    }
}

/// A handle to wait for a child.
pub(super) enum Waiting {
    Plain(std::process::Child),
    #[cfg(target_os = "linux")]
    Supervised(SupervisedChild),
}

impl Waiting {
    /// Waits until the child has ended.
    pub fn reap(&mut self) -> ExitInfo {
        let reaped = match self {
            Self::Plain(child) => reap(child),
            #[cfg(target_os = "linux")]
            Self::Supervised(supervised) => supervised.reap(),
        };
        reaped.unwrap_or_else(|e| ExitInfo {
            exit: Exit::Lost(e.to_string()),
            cpu: Duration::ZERO,
        })
    }

    /// Waits until no process that it started is left, if that can be known.
    pub fn clear(self) {
        match self {
            Self::Plain(_) => {}
            #[cfg(target_os = "linux")]
            Self::Supervised(supervised) => supervised.clear(),
        }
    }
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

#[cfg(unix)]
fn reap(child: &mut std::process::Child) -> io::Result<ExitInfo> {
    use wait4::Wait4;
    let used = child.wait4()?;
    Ok(ExitInfo {
        exit: exit_of(used.status),
        cpu: used.rusage.utime + used.rusage.stime,
    })
}

#[cfg(not(unix))]
fn reap(child: &mut std::process::Child) -> io::Result<ExitInfo> {
    Ok(ExitInfo {
        exit: exit_of(child.wait()?),
        cpu: Duration::ZERO,
    })
}

#[cfg(unix)]
fn exit_of(status: ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Lost(status.to_string()),
    }
}

#[cfg(not(unix))]
fn exit_of(status: ExitStatus) -> Exit {
    match status.code() {
        Some(code) => Exit::Code(code),
        None => Exit::Lost(status.to_string()),
    }
}

/// The tool's side of a supervisor.
#[cfg(target_os = "linux")]
mod supervised {
    use std::io;
    use std::io::{BufRead, BufReader, Read, Write};
    use std::os::fd::OwnedFd;
    use std::os::unix::net::UnixStream;
    use std::process::Command;
    use std::sync::Arc;
    use std::time::Duration;

    use super::{Child, Exit, ExitInfo, KillHandle, Waiting};
    use crate::sandbox::policy::Policy;
    use crate::supervisor::{ExitCause, ExitReport, SupervisorInput};

    /// A supervisor, and the stream of its reports.
    pub struct SupervisedChild {
        supervisor: std::process::Child,
        tells: BufReader<UnixStream>,
    }

    impl SupervisedChild {
        pub fn start(mut command: Command, policy: &Policy) -> io::Result<Child> {
            let (mut ours, theirs) = UnixStream::pair()?;
            let vars = command.get_envs();
            let vars = vars.filter_map(|(name, value)| Some((name.into(), value?.into())));
            let start = SupervisorInput {
                policy: policy.clone(),
                vars: vars.collect(),
            };
            command.env_clear().stdin(OwnedFd::from(theirs));
            let mut supervisor = command.spawn()?;
            // The supervisor must be the only owner of its end of the socket.
            drop(command);
            let mut line = serde_json::to_string(&start)?;
            line.push('\n');
            // If the supervisor is dead already, the missing report will show it.
            let _ = ours.write_all(line.as_bytes());
            let tells = BufReader::new(ours.try_clone()?);
            Ok(Child {
                id: supervisor.id(),
                ending: KillHandle::Supervisor(Arc::new(ours)),
                out: supervisor.stdout.take(),
                err: supervisor.stderr.take(),
                waiting: Waiting::Supervised(Self { supervisor, tells }),
            })
        }

        pub fn reap(&mut self) -> io::Result<ExitInfo> {
            let mut line = String::new();
            self.tells.read_line(&mut line)?;
            let Ok(report) = serde_json::from_str::<ExitReport>(&line) else {
                return Err(io::Error::other("its supervisor ended without a report"));
            };
            let exit = match report.end {
                ExitCause::Code(code) => Exit::Code(code),
                ExitCause::Signal(signal) => Exit::Signal(signal),
                ExitCause::Lost(why) => Exit::Lost(why),
            };
            Ok(ExitInfo {
                exit,
                cpu: Duration::from_micros(report.cpu),
            })
        }

        pub fn clear(mut self) {
            // The socket closes when the supervisor exits, which it does after the last of its
            // children.
            let _ = self.tells.read_to_end(&mut Vec::new());
            let _ = self.supervisor.wait();
        }
    }

    /// Sends an order to a supervisor. One that is gone has no children left.
    pub fn send(mut supervisor: &UnixStream, order: u8) {
        let _ = supervisor.write_all(&[order]);
    }
}
