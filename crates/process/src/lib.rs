//! Running one child process with all its descendants: time limits, output and termination.
//!
//! The child's output is read line by line while it runs. When its time is up or the run is
//! interrupted, all its processes are asked to terminate (TERM) and, after a grace period, killed
//! (KILL).

pub mod sandbox;
#[cfg(target_os = "linux")]
pub mod supervisor;
pub mod child;
pub mod cancel;
pub mod bounded_output;
pub mod jobserver;

use std::io::{ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

pub use crate::cancel::Cancel;
pub use crate::child::{CommandSpec, Exit};
use crate::child::{ExitInfo, KillHandle};
use crate::sandbox::policy::Policy;

/// The time between TERM and KILL.
const GRACE: Duration = Duration::from_secs(5);
/// How long the output may be silent after a child has ended while processes it left behind still
/// hold it open.
const LEAK: Duration = Duration::from_millis(300);
/// The maximum time to read such output, and to wait for killed processes.
const LONGEST_LEAK: Duration = Duration::from_secs(10);
/// The interval at which to check for cancellation.
const TICK: Duration = Duration::from_millis(100);
/// Longer lines are cut into pieces of this size, in bytes.
const LONGEST_LINE: usize = 8 * 1024 * 1024;

/// The maximum size of a read, in bytes.
const PIECE: usize = 64 * 1024;
/// The maximum number of pieces in the queue. A line can be longer than a piece.
const PIECES: usize = 16;

/// The stream of an output line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// An observer of a child while it runs.
pub trait Follower {
    /// Handles a line, including its line end if it has one.
    fn line(&mut self, stream: Stream, line: &[u8]);

    /// The time at which to end the child, if that is before its time limit.
    fn deadline(&self) -> Option<Instant> {
        None
    }
}

impl<F: FnMut(Stream, &[u8])> Follower for F {
    fn line(&mut self, stream: Stream, line: &[u8]) {
        self(stream, line);
    }
}

/// The result of a child that has ended.
#[derive(Clone, Debug)]
pub struct ProcessResult {
    /// The exit status.
    pub exit: Exit,
    /// The wall time.
    pub wall: Duration,
    /// CPU time of the child and of all processes it waited for.
    pub cpu: Duration,
    /// How long it waited before it was started.
    pub waited: Duration,
}

impl ProcessResult {
    /// The result of doing nothing.
    pub const NOTHING: Self = Self {
        exit: Exit::Code(0),
        wall: Duration::ZERO,
        cpu: Duration::ZERO,
        waited: Duration::ZERO,
    };
}

/// Combines the results of two commands; the exit status is that of the second.
#[must_use]
pub fn combine(first: ProcessResult, second: ProcessResult) -> ProcessResult {
    ProcessResult {
        exit: second.exit,
        wall: first.wall + second.wall,
        cpu: first.cpu + second.cpu,
        waited: first.waited + second.waited,
    }
}

/// The limits for a child.
#[derive(Clone, Copy)]
pub struct Limits<'a> {
    /// The time limit.
    pub limit: Duration,
    /// What it may access.
    pub policy: &'a Policy,
    /// The cancellation of the run.
    pub cancel: &'a Cancel,
}

enum Message {
    /// One or more complete lines; an incomplete one at the end of the stream or if the line is too
    /// long.
    Lines(Stream, Vec<u8>),
    Closed,
    Exited(ExitInfo),
}

/// Runs a command until it ends or its time is up. Processes that the child leaves behind are ended
/// too.
pub fn run(spec: CommandSpec, limits: Limits<'_>, follower: &mut dyn Follower) -> ProcessResult {
    // Arguments and environment can hold secrets, so only the program is named.
    let span = tracing::info_span!(
        "child",
        program = spec.program(),
        exit = tracing::field::Empty
    );
    let _entered = span.enter();
    let started = Instant::now();
    let ended = |exit: Exit, cpu: Duration| ProcessResult {
        exit,
        wall: started.elapsed(),
        cpu,
        waited: Duration::ZERO,
    };
    let child = match spec.start(limits.policy) {
        Ok(child) => child,
        Err(why) => return ended(Exit::Lost(why), Duration::ZERO),
    };
    limits.cancel.note_start(child.id, child.ending.clone());
    // The channel is bounded, so that a child that floods its output has to wait instead of filling
    // our memory.
    let (sender, receiver) = sync_channel(PIECES);
    let out = child
        .out
        .map(|out| read_lines(Stream::Out, out, sender.clone()));
    let err = child
        .err
        .map(|err| read_lines(Stream::Err, err, sender.clone()));
    let reading = out.unwrap_or(Ok(())).and(err.unwrap_or(Ok(())));
    let mut waiting = child.waiting;
    let (clearing, cleared) = sync_channel::<()>(0);
    let ending = child.ending.clone();
    let wait = move || {
        // The receiver is gone if the run was abandoned.
        let _ = sender.send(Message::Exited(waiting.reap()));
        waiting.clear();
        drop(clearing);
    };
    let waiting = std::thread::Builder::new().spawn(wait).map(drop);
    // Nobody would read the child's output; it would hit a closed pipe and fail because of that.
    if let Err(e) = reading.and(waiting) {
        ending.kill();
        limits.cancel.note_end(child.id);
        return ended(Exit::Lost(format!("read its output: {e}")), Duration::ZERO);
    }
    let limit = started + limits.limit;
    let (exit, cpu) = follow(&receiver, limit, &child.ending, limits.cancel, follower);
    // Even the system cannot kill some processes immediately.
    let _ = cleared.recv_timeout(LONGEST_LEAK);
    limits.cancel.note_end(child.id);
    span.record("exit", tracing::field::display(&exit));
    ended(exit, cpu)
}

fn follow(
    receiver: &Receiver<Message>,
    limit: Instant,
    ending: &KillHandle,
    cancel: &Cancel,
    follower: &mut dyn Follower,
) -> (Exit, Duration) {
    let mut ended_by_us: Option<Exit> = None;
    let mut kill_at: Option<Instant> = None;
    let mut reaped: Option<ExitInfo> = None;
    let mut open_streams = 2;
    let mut give_up: Option<Instant> = None;
    let mut give_up_limit: Option<Instant> = None;
    loop {
        if reaped.is_some() && open_streams == 0 {
            break;
        }
        let now = Instant::now();
        if ended_by_us.is_none() && reaped.is_none() {
            let deadline = follower.deadline().map_or(limit, |d| d.min(limit));
            let why = if cancel.is_cancelled() {
                Some(Exit::Interrupted)
            } else if now >= deadline {
                Some(Exit::TimedOut)
            } else {
                None
            };
            if why.is_some() {
                ended_by_us = why;
                ending.terminate();
                kill_at = Some(now + GRACE);
            }
        }
        if kill_at.is_some_and(|at| now >= at) {
            ending.kill();
            kill_at = None;
            // Even the system cannot kill some processes immediately.
            give_up = Some(now + LONGEST_LEAK);
        }
        if give_up.is_some_and(|at| now >= at) {
            // Processes that the child left behind still hold its output open.
            ending.kill();
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
            Ok(Message::Lines(stream, lines)) => {
                for line in lines.split_inclusive(|byte| *byte == b'\n') {
                    follower.line(stream, line);
                }
                // Do not cut off output that is still arriving from a child that has ended.
                if let Some(last) = give_up_limit {
                    give_up = Some(last.min(Instant::now() + LEAK));
                }
            }
            Ok(Message::Closed) => open_streams -= 1,
            Ok(Message::Exited(result)) => {
                reaped = Some(result);
                give_up = Some(Instant::now() + LEAK);
                give_up_limit = Some(Instant::now() + LONGEST_LEAK);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    // Processes that the child started and did not wait for end with it.
    ending.kill();
    let (exit, cpu) = match reaped {
        Some(reaped) => (reaped.exit, reaped.cpu),
        None => (
            Exit::Lost("no report of how it ended".into()),
            Duration::ZERO,
        ),
    };
    (ended_by_us.unwrap_or(exit), cpu)
}

/// Reads a stream to its end in a separate thread. Fails if the thread cannot be started.
fn read_lines(
    stream: Stream,
    mut from: impl Read + Send + 'static,
    sender: SyncSender<Message>,
) -> std::io::Result<()> {
    let read = move || {
        let mut piece = vec![0; PIECE];
        let mut unsent = Vec::new();
        loop {
            let new = match from.read(&mut piece) {
                Ok(0) => break,
                Ok(n) => &piece[..n],
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            let after = new.iter().rposition(|byte| *byte == b'\n').map(|at| at + 1);
            let is_too_long = unsent.len() + new.len() >= LONGEST_LINE;
            let (whole, begun) =
                new.split_at(after.unwrap_or(if is_too_long { new.len() } else { 0 }));
            if whole.is_empty() {
                unsent.extend_from_slice(begun);
                continue;
            }
            let mut lines = std::mem::replace(&mut unsent, begun.to_vec());
            lines.extend_from_slice(whole);
            if sender.send(Message::Lines(stream, lines)).is_err() {
                return;
            }
        }
        // The receiver is gone if the run was abandoned.
        if !unsent.is_empty() {
            let _ = sender.send(Message::Lines(stream, unsent));
        }
        let _ = sender.send(Message::Closed);
    };
    std::thread::Builder::new().spawn(read).map(drop)
}

#[cfg(all(test, unix))]
#[expect(clippy::disallowed_methods, reason = "tests start programs")]
mod tests;
