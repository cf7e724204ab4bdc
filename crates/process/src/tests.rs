//! Children that exit, hang, crash, flood their output, and leave processes behind.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;

use super::*;
use crate::child::Supervision;

fn spec(program: &str, args: &[&str]) -> CommandSpec {
    let args: Vec<_> = args.iter().map(OsString::from).collect();
    let vars = BTreeMap::from([("PATH".into(), std::env::var_os("PATH").unwrap_or_default())]);
    CommandSpec::new(
        Path::new(program),
        &args,
        "/".into(),
        &vars,
        Supervision::Direct,
    )
    .expect("an errand")
}

fn shell(script: &str) -> CommandSpec {
    spec("sh", &["-c", script])
}

/// Runs a command without restrictions.
fn run(
    spec: CommandSpec,
    limit: Duration,
    cancel: &Cancel,
    follower: &mut dyn Follower,
) -> ProcessResult {
    let limits = Limits {
        limit,
        policy: &Policy::OPEN,
        cancel,
    };
    super::run(spec, limits, follower)
}

fn run_shell(script: &str, limit: Duration) -> (ProcessResult, String) {
    let mut output = String::new();
    let mut follower = |_: Stream, line: &[u8]| output.push_str(&String::from_utf8_lossy(line));
    let ended = run(shell(script), limit, &Cancel::default(), &mut follower);
    (ended, output)
}

#[test]
fn output_of_both_streams_and_the_exit_code_arrive() {
    let (ended, output) = run_shell("echo out; echo err >&2; exit 3", Duration::from_secs(20));
    assert_eq!(ended.exit, Exit::Code(3));
    assert!(output.contains("out\n") && output.contains("err\n"));
}

#[test]
fn a_child_that_was_killed_tells_the_signal() {
    let (ended, _) = run_shell("kill -SEGV $$", Duration::from_secs(20));
    assert_eq!(ended.exit, Exit::Signal(11));
}

#[test]
fn a_program_that_is_not_there_is_lost_and_not_a_panic() {
    let mut follower = |_: Stream, _: &[u8]| {};
    let command = spec("no-such-program-anywhere", &[]);
    let ended = run(
        command,
        Duration::from_secs(1),
        &Cancel::default(),
        &mut follower,
    );
    assert!(matches!(ended.exit, Exit::Lost(why) if why.contains("no-such-program")));
}

#[test]
fn a_child_left_behind_does_not_hold_the_run() {
    let (ended, output) = run_shell("sleep 1000 & echo done", Duration::from_secs(20));
    assert_eq!(ended.exit, Exit::Code(0));
    assert_eq!(output, "done\n");
    assert!(ended.wall < Duration::from_secs(10), "{:?}", ended.wall);
}

#[test]
fn a_child_that_ignores_term_is_killed_with_its_children() {
    let (ended, _) = run_shell("trap '' TERM; sleep 1000", Duration::from_millis(200));
    assert_eq!(ended.exit, Exit::TimedOut);
    assert!(
        ended.wall < GRACE + Duration::from_secs(10),
        "{:?}",
        ended.wall
    );
}

#[test]
fn output_that_is_read_slowly_is_not_lost() {
    let mut n_lines = 0;
    let mut slow = |_: Stream, _: &[u8]| {
        n_lines += 1;
        std::thread::sleep(Duration::from_millis(1));
    };
    let flood = shell("seq 1 1000");
    run(
        flood,
        Duration::from_secs(60),
        &Cancel::default(),
        &mut slow,
    );
    assert_eq!(n_lines, 1000);
}

#[test]
fn a_second_interrupt_kills_what_ignores_the_first() {
    let cancel = Cancel::default();
    let asking = cancel.clone();
    std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        asking.cancel();
        asking.cancel();
    });
    let deaf = shell("trap '' TERM; while :; do sleep 0.1; done");
    let mut follower = |_: Stream, _: &[u8]| {};
    let ended = run(deaf, Duration::from_secs(100), &cancel, &mut follower);
    assert!(ended.wall < GRACE, "{:?}", ended.wall);
}

#[test]
fn an_interrupt_ends_the_child() {
    let cancel = Cancel::default();
    cancel.cancel();
    let mut follower = |_: Stream, _: &[u8]| {};
    let ended = run(
        shell("sleep 1000"),
        Duration::from_secs(100),
        &cancel,
        &mut follower,
    );
    assert_eq!(ended.exit, Exit::Interrupted);
}
