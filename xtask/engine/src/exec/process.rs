//! One child process with everything it starts: a group of its own, a clock, and an end.
//!
//! The child's output is read line by line while it runs. When time is up, or the run is
//! interrupted, the whole group is asked to end (TERM) and, after a grace period, made to (KILL).

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// How long a group has between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long its output may be silent after a child has ended, while processes it left behind still
/// hold it open.
const LEAK: Duration = Duration::from_millis(300);
/// How long such output is listened to at the most.
const LONGEST_LEAK: Duration = Duration::from_secs(10);
/// How often an interrupt is looked for.
const TICK: Duration = Duration::from_millis(100);
/// A longer line is cut into pieces of this size, in bytes.
const LONGEST_LINE: u64 = 8 * 1024 * 1024;

/// The wish of a person, or of a CI engine, that the run should end.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Wish>);

#[derive(Debug, Default)]
struct Wish {
    asked: AtomicU8,
    /// The groups that are alive, so that none outlives a tool that ends at once.
    groups: Mutex<BTreeSet<u32>>,
}

impl Interrupt {
    /// Asks once more: the first time for an orderly end, then for an end at once, which kills
    /// every group there is. Returns how often it was asked.
    pub fn ask(&self) -> u8 {
        let n_asked = self
            .0
            .asked
            .fetch_add(1, Ordering::SeqCst)
            .saturating_add(1);
        if n_asked > 1 {
            for group in self.groups().iter() {
                Group(*group).kill();
            }
        }
        n_asked
    }

    /// True once an end was asked for.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        self.0.asked.load(Ordering::SeqCst) > 0
    }

    fn groups(&self) -> MutexGuard<'_, BTreeSet<u32>> {
        self.0.groups.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Which stream a line came on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// Whoever follows a child while it runs.
pub trait Follower {
    /// Takes a line, with its end if it had one.
    fn line(&mut self, stream: Stream, line: &[u8]);

    /// A moment at which the child has to be ended, before its own time is up.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl<F: FnMut(Stream, &[u8])> Follower for F {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        self(stream, line);
    }
}

/// How a child ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Exit {
    /// By itself, with a code.
    Code(i32),
    /// By a signal that this tool did not send.
    Signal(i32),
    /// It was ended: its time was up, or its follower's deadline had come.
    TimedOut,
    /// It was ended: the run was interrupted.
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

/// A child that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// Wall time.
    pub wall: Duration,
    /// CPU time of the child and of all children it waited for.
    pub cpu: Duration,
    /// How long it waited before it was started.
    pub waited: Duration,
}

impl Ended {
    /// What nothing comes to.
    pub const NOTHING: Self = Self {
        exit: Exit::Code(0),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        waited: Duration::ZERO,
    };
}

enum News {
    Line(Stream, Vec<u8>),
    Closed,
    Reaped(Result<Reaped, String>),
}

struct Reaped {
    status: std::process::ExitStatus,
    cpu: Duration,
}

/// Runs a command to its end, or until `limit` is over.
pub fn run(
    mut command: Command,
    limit: Duration,
    interrupt: &Interrupt,
    follower: &mut dyn Follower,
) -> Ended {
    let started = Instant::now();
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    own_group(&mut command);
    let mut child = match command.spawn() {
        Ok(child) => child,
        Err(e) => {
            let program = command.get_program().to_string_lossy().into_owned();
            let exit = Exit::Lost(format!("start {program}: {e}"));
            return Ended {
                exit,
                wall: started.elapsed(),
                cpu: Duration::ZERO,
                waited: Duration::ZERO,
            };
        }
    };
    let group = Group(child.id());
    interrupt.groups().insert(group.0);
    // Bounded: a child that floods its output waits for us, and not in our memory.
    let (news, receiver) = sync_channel(256);
    if let Some(out) = child.stdout.take() {
        read_lines(Stream::Out, out, news.clone());
    }
    if let Some(err) = child.stderr.take() {
        read_lines(Stream::Err, err, news.clone());
    }
    std::thread::spawn(move || {
        // Nobody listens any more when the run was given up.
        let _ = news.send(News::Reaped(reap(child)));
    });
    let (exit, cpu) = follow(&receiver, started + limit, &group, interrupt, follower);
    interrupt.groups().remove(&group.0);
    Ended {
        exit,
        wall: started.elapsed(),
        cpu,
        waited: Duration::ZERO,
    }
}

fn follow(
    receiver: &Receiver<News>,
    limit: Instant,
    group: &Group,
    interrupt: &Interrupt,
    follower: &mut dyn Follower,
) -> (Exit, Duration) {
    let mut ended_by_us: Option<Exit> = None;
    let mut kill_at: Option<Instant> = None;
    let mut reaped: Option<Result<Reaped, String>> = None;
    let mut open_streams = 2;
    let mut give_up: Option<Instant> = None;
    let mut give_up_at_last: Option<Instant> = None;
    loop {
        if reaped.is_some() && open_streams == 0 {
            break;
        }
        let now = Instant::now();
        if ended_by_us.is_none() && reaped.is_none() {
            let deadline = follower.deadline().map_or(limit, |d| d.min(limit));
            let why = if interrupt.is_asked() {
                Some(Exit::Interrupted)
            } else if now >= deadline {
                Some(Exit::TimedOut)
            } else {
                None
            };
            if why.is_some() {
                ended_by_us = why;
                group.terminate();
                kill_at = Some(now + GRACE);
            }
        }
        if kill_at.is_some_and(|at| now >= at) {
            group.kill();
            kill_at = None;
        }
        if give_up.is_some_and(|at| now >= at) {
            // What the child left behind still holds its output open.
            group.kill();
            break;
        }
        let wake = [
            kill_at,
            give_up,
            follower.deadline(),
            Some(limit),
            Some(now + TICK),
        ];
        let wake = wake
            .into_iter()
            .flatten()
            .filter(|at| *at > now)
            .min()
            .unwrap_or(now + TICK);
        match receiver.recv_timeout(wake - now) {
            Ok(News::Line(stream, line)) => {
                follower.line(stream, &line);
                // What is still being read of a child that has ended is not cut short.
                give_up = give_up_at_last.map(|last| last.min(Instant::now() + LEAK));
            }
            Ok(News::Closed) => open_streams -= 1,
            Ok(News::Reaped(result)) => {
                reaped = Some(result);
                give_up = Some(Instant::now() + LEAK);
                give_up_at_last = Some(Instant::now() + LONGEST_LEAK);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // Whatever the child started and did not wait for ends with it.
    group.kill();
    match reaped {
        Some(Ok(Reaped { status, cpu })) => (ended_by_us.unwrap_or_else(|| exit_of(status)), cpu),
        Some(Err(why)) => (ended_by_us.unwrap_or(Exit::Lost(why)), Duration::ZERO),
        None => (
            ended_by_us.unwrap_or(Exit::Lost("no word of its end".into())),
            Duration::ZERO,
        ),
    }
}

fn read_lines(stream: Stream, from: impl Read + Send + 'static, news: SyncSender<News>) {
    std::thread::spawn(move || {
        let mut reader = BufReader::new(from);
        loop {
            let mut line = Vec::new();
            match reader
                .by_ref()
                .take(LONGEST_LINE)
                .read_until(b'\n', &mut line)
            {
                Ok(0) | Err(_) => break,
                Ok(_) => {
                    if news.send(News::Line(stream, line)).is_err() {
                        return;
                    }
                }
            }
        }
        // Nobody listens any more when the run was given up.
        let _ = news.send(News::Closed);
    });
}

#[cfg(unix)]
fn own_group(command: &mut Command) {
    use std::os::unix::process::CommandExt;
    command.process_group(0);
}

#[cfg(not(unix))]
fn own_group(_: &mut Command) {}

#[cfg(unix)]
fn reap(mut child: Child) -> Result<Reaped, String> {
    use wait4::Wait4;
    let used = child.wait4().map_err(|e| e.to_string())?;
    Ok(Reaped {
        status: used.status,
        cpu: used.rusage.utime + used.rusage.stime,
    })
}

#[cfg(not(unix))]
fn reap(mut child: Child) -> Result<Reaped, String> {
    let status = child.wait().map_err(|e| e.to_string())?;
    Ok(Reaped {
        status,
        cpu: Duration::ZERO,
    })
}

#[cfg(unix)]
fn exit_of(status: std::process::ExitStatus) -> Exit {
    use std::os::unix::process::ExitStatusExt;
    match (status.code(), status.signal()) {
        (Some(code), _) => Exit::Code(code),
        (None, Some(signal)) => Exit::Signal(signal),
        (None, None) => Exit::Lost(status.to_string()),
    }
}

#[cfg(not(unix))]
fn exit_of(status: std::process::ExitStatus) -> Exit {
    match status.code() {
        Some(code) => Exit::Code(code),
        None => Exit::Lost(status.to_string()),
    }
}

/// A process group, by the id of its leader. The id is not used again while a member lives.
struct Group(u32);

#[cfg(unix)]
impl Group {
    fn terminate(&self) {
        self.signal(rustix::process::Signal::TERM);
    }

    fn kill(&self) {
        self.signal(rustix::process::Signal::KILL);
    }

    fn signal(&self, signal: rustix::process::Signal) {
        let id = i32::try_from(self.0)
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        if let Some(id) = id {
            // There may be nobody left, which is what was wanted.
            let _ = rustix::process::kill_process_group(id, signal);
        }
    }
}

#[cfg(not(unix))]
impl Group {
    fn terminate(&self) {}
    fn kill(&self) {}
}

#[cfg(all(test, unix))]
mod tests;
