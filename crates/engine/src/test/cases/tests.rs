//! Single runs of a test executable, made up from its events, and what they settle.

use proptest::prelude::*;

use camino::Utf8Path;
use pinmatrix_core::config::Timeouts;
use pinmatrix_core::model::status::InconclusiveReason;
use pinmatrix_process::cancel::Cancel;
use pinmatrix_process::jobserver::JobBudget;
use pinmatrix_process::sandbox::policy::Policy;
use semver::Version;

use super::*;
use crate::machine::secrets::Secrets;
use crate::testing::config;
use crate::workdir::lane_dirs::LaneDirs;

const SECOND: Duration = Duration::from_secs(1);

/// Returns what an executable printed: `start NAME`, `ok NAME`, `failed NAME`, `ignored NAME`,
/// `end`, or other lines as they are. All that is still running began `ago`.
fn suite_since(events: &[&str], ago: Duration) -> SuiteOutput {
    let then = Instant::now().checked_sub(ago).expect("an uptime");
    let mut suite = SuiteOutput::default();
    for event in events {
        let line = match event.split_once(' ') {
            Some(("start", name)) => test_event(name, "started"),
            Some((word @ ("ok" | "failed" | "ignored"), name)) => test_event(name, word),
            None if *event == "end" => r#"{ "type": "suite", "event": "ok" }"#.to_owned(),
            Some(_) | None => (*event).to_owned(),
        };
        suite.line(format!("{line}\n").as_bytes(), then);
    }
    suite
}

fn test_event(name: &str, word: &str) -> String {
    format!(r#"{{ "type": "test", "name": "{name}", "event": "{word}" }}"#)
}

fn suite(events: &[&str]) -> SuiteOutput {
    suite_since(events, Duration::ZERO)
}

fn ended(exit: Exit) -> ProcessResult {
    ProcessResult {
        exit,
        wall: 3 * SECOND,
        ..ProcessResult::NOTHING
    }
}

/// Hands the cases of an executable with the tests `a` to `e` to a test, without running it. A case
/// has ten seconds.
fn with_cases<T>(judge: impl FnOnce(&mut Cases<'_, '_>) -> T) -> T {
    let folder = tempfile::tempdir().expect("a folder");
    let mut log = PhaseLog::create(&folder.path().join("log"), &Secrets::default()).expect("a log");
    let (budget, cancel) = (JobBudget::new(1).expect("a budget"), Cancel::default());
    let timeouts = Timeouts {
        case: Some(10 * SECOND),
        ..config("").timeouts
    };
    let place = |name: &str| Utf8Path::new("/lane").join(name);
    let folders = LaneDirs {
        group: place("group"),
        checkout: place("checkout"),
        subject: place("checkout/subject"),
        target: place("target"),
        tmp: place("tmp"),
        programs: place("programs"),
    };
    let executable = TestExecutable {
        runner: Vec::new(),
        path: Utf8Path::new("/lane/target/t"),
        folder: Utf8Path::new("/lane/checkout"),
        rustc: &Version::new(1, 90, 0),
        format: OutputFormat::Json,
        is_wasm: false,
        is_elsewhere: false,
        vars: BTreeMap::new(),
        policy: Policy::OPEN,
        timeouts: &timeouts,
        retries: 1,
        cancel: &cancel,
        budget: &budget,
        folders: &folders,
    };
    judge(&mut Cases {
        executable: &executable,
        log: &mut log,
        names: names(&["a", "b", "c", "d", "e"]).into_iter().collect(),
        results: BTreeMap::new(),
        aborts: Vec::new(),
        timed_out_together: BTreeMap::new(),
        deadline: Instant::now() + SECOND,
        cpu: Duration::ZERO,
        waited: Duration::ZERO,
        exit: Exit::Code(0),
    })
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What is settled, one line each.
fn settled(cases: &Cases<'_, '_>) -> Vec<String> {
    let cases = cases.results.values();
    cases
        .map(|case| format!("{} {}", case.name, case.status))
        .collect()
}

/// Judges one run with all tests: what it settles, and what has to run alone.
fn judged(exit: Exit, suite: &SuiteOutput) -> (Vec<String>, Vec<String>) {
    with_cases(|cases| {
        let batch = names(&["a", "b", "c", "d", "e"]);
        let alone = cases.record_attempt(&batch, &ended(exit), suite);
        (settled(cases), alone.into_iter().collect())
    })
}

/// Judges a run of the test `a` alone: its status and its output.
fn judged_alone(exit: Exit, events: &[&str]) -> (String, Option<String>) {
    with_cases(|cases| {
        let alone = cases.record_attempt(&names(&["a"]), &ended(exit), &suite(events));
        assert!(alone.is_empty(), "it ran alone already");
        let case = cases.results.remove("a").expect("it is settled");
        (case.status.to_string(), case.output)
    })
}

const NOTHING: [String; 0] = [];

#[test]
fn a_run_that_ends_settles_what_it_said() {
    let whole = suite(&["start a", "ok a", "start b", "failed b", "ignored c", "end"]);
    let (results, alone) = judged(Exit::Code(101), &whole);
    assert_eq!(
        results,
        ["a passed", "b failed(test)", "c skipped(ignored)"]
    );
    assert_eq!(alone, NOTHING);
}

#[test]
fn of_a_process_that_dies_only_the_tests_under_way_run_alone() {
    let died = suite(&["start a", "ok a", "start b", "start c"]);
    let (results, alone) = judged(Exit::Signal(11), &died);
    assert_eq!(results, ["a passed"]);
    assert_eq!(alone, ["b", "c"]);
}

#[test]
fn an_end_that_a_test_printed_does_not_hide_what_is_under_way() {
    let feigned = suite(&["start a", "start b", "end", "ok b"]);
    let (results, alone) = judged(Exit::Code(0), &feigned);
    assert_eq!(results, ["b passed"]);
    assert_eq!(alone, ["a"]);
}

#[test]
fn events_of_tests_that_there_are_not_settle_nothing() {
    let feigned = suite(&["start x", "ok y", "ok a", "end"]);
    let (results, alone) = judged(Exit::Code(0), &feigned);
    assert_eq!(results, ["a passed"]);
    assert_eq!(alone, NOTHING);
}

#[test]
fn a_result_that_precedes_a_further_start_settles_nothing() {
    let again = suite(&["ok a", "start a"]);
    let (results, alone) = judged(Exit::Signal(6), &again);
    assert_eq!((results, alone), (Vec::new(), names(&["a"])));
}

#[test]
fn a_test_that_ran_alone_answers_for_how_its_process_ended() {
    let alone = |exit: Exit| judged_alone(exit, &["start a", "last words"]);
    let (status, output) = alone(Exit::Signal(11));
    assert_eq!(status, "failed(crash)");
    assert_eq!(
        output.as_deref(),
        Some("the process died: signal 11\nlast words")
    );
    assert_eq!(alone(Exit::Code(3)).0, "failed(crash)");
    let (status, output) = alone(Exit::Code(0));
    assert_eq!(status, "failed(crash)");
    assert!(
        output.is_some_and(|output| output.starts_with("the process ended with exit 0 before"))
    );
    assert_eq!(alone(Exit::Code(101)).0, "failed(test)");
    let (status, output) = alone(Exit::TimedOut);
    assert_eq!(status, "failed(timeout)");
    assert!(output.is_some_and(|output| output.starts_with("still running after ")));
}

#[test]
fn a_time_limit_that_was_hit_names_its_key() {
    let output_after = |took: Duration| {
        with_cases(|cases| {
            let ended = ProcessResult {
                wall: took,
                ..ended(Exit::TimedOut)
            };
            cases.record_attempt(&names(&["a"]), &ended, &suite(&["start a"]));
            cases.results.remove("a").and_then(|case| case.output)
        })
    };
    let of_case = "still running after 10s (`case` under `[timeouts]`)";
    assert_eq!(output_after(10 * SECOND).as_deref(), Some(of_case));
    let of_target = output_after(9 * SECOND).expect("output");
    assert!(
        of_target.ends_with(" (`target` under `[timeouts]`)"),
        "{of_target}"
    );
}

#[test]
fn a_test_that_ran_alone_and_printed_an_end_of_its_own_answers_too() {
    assert_eq!(
        judged_alone(Exit::Code(0), &["start a", "end"]).0,
        "failed(crash)"
    );
}

#[test]
fn a_test_that_ran_alone_and_said_nothing_answers_too() {
    assert_eq!(judged_alone(Exit::Signal(11), &[]).0, "failed(crash)");
    // What it said before the process died stands.
    assert_eq!(
        judged_alone(Exit::Signal(11), &["start a", "ok a"]).0,
        "passed"
    );
    assert_eq!(
        judged_alone(Exit::Code(0), &["start a", "ok a", "end"]).0,
        "passed"
    );
}

#[test]
fn last_words_do_not_name_the_lane() {
    let words = ["start a", "at /lane/checkout/subject/src/lib.rs"];
    let output = judged_alone(Exit::Signal(6), &words).1.expect("output");
    assert!(!output.contains("/lane"), "{output}");
}

#[test]
fn a_test_that_has_used_up_its_time_is_to_blame_and_those_beside_it_are_not() {
    with_cases(|cases| {
        let mut hung = suite_since(&["start a"], 11 * SECOND);
        hung.line(test_event("b", "started").as_bytes(), Instant::now());
        let alone = cases.record_attempt(&names(&["a", "b"]), &ended(Exit::TimedOut), &hung);
        assert_eq!(settled(cases), ["a failed(timeout)"]);
        assert_eq!(alone.into_iter().collect::<Vec<_>>(), ["b"]);
        assert!(cases.timed_out_together.is_empty() && cases.aborts.is_empty());
    });
}

#[test]
fn where_the_time_of_the_target_is_over_nobody_is_to_blame_yet() {
    with_cases(|cases| {
        let timed_out_together = suite_since(&["ok c", "start a", "start b"], 4 * SECOND);
        let alone = cases.record_attempt(
            &names(&["a", "b", "c"]),
            &ended(Exit::TimedOut),
            &timed_out_together,
        );
        assert_eq!(settled(cases), ["c passed"]);
        assert_eq!(alone.into_iter().collect::<Vec<_>>(), ["a", "b"]);
        let took = cases
            .timed_out_together
            .values()
            .all(|took| *took >= 4 * SECOND);
        assert!(took && cases.timed_out_together.len() == 2);
        // A time limit that it hits again has been seen twice.
        cases.record_attempt(&names(&["a"]), &ended(Exit::TimedOut), &suite(&["start a"]));
        assert_eq!(cases.results["a"].n_seen, 2);
        cases.record_attempt(
            &names(&["b"]),
            &ended(Exit::Signal(6)),
            &suite(&["start b"]),
        );
        assert_eq!(cases.results["b"].n_seen, 1);
    });
}

#[test]
fn what_was_cut_and_then_passes_in_less_time_is_flaky() {
    with_cases(|cases| {
        let took = |seconds: u32| seconds * SECOND;
        cases.timed_out_together = BTreeMap::from(
            [("a", took(9)), ("b", took(1)), ("c", took(9))]
                .map(|(name, took)| (name.to_owned(), took)),
        );
        for (name, status) in [
            ("a", Status::Passed),
            ("b", Status::Passed),
            ("c", Status::failed(FailureKind::Test)),
        ] {
            let case = CaseOutcome {
                seconds: 5.0,
                ..not_run(name.to_owned(), status)
            };
            cases.results.insert(name.to_owned(), case);
        }
        cases.mark_cut_as_flaky();
        let flaky = cases.results.values().filter(|case| case.flaky.is_some());
        let flaky: Vec<&str> = flaky.map(|case| case.name.as_str()).collect();
        assert_eq!(flaky, ["a"]);
    });
}

#[test]
fn a_death_is_explained_by_a_test_that_fails_alone_and_else_is_the_executables() {
    with_cases(|cases| {
        cases.record_attempt(
            &names(&["a", "b", "c"]),
            &ended(Exit::Signal(11)),
            &suite(&["start a", "start b"]),
        );
        let (status, error) = cases.unexplained().expect("nothing fails yet");
        assert_eq!(status, Status::failed(FailureKind::Crash));
        assert_eq!(
            error.message,
            "the process ended with 2 tests under way, none of which fails alone: signal 11"
        );
        cases.record_attempt(
            &names(&["b"]),
            &ended(Exit::Signal(11)),
            &suite(&["start b"]),
        );
        assert!(cases.unexplained().is_none());
    });
    with_cases(|cases| {
        cases.record_attempt(
            &names(&["a", "b"]),
            &ended(Exit::Code(1)),
            &suite(&["start a", "ok a"]),
        );
        let (_, error) = cases.unexplained().expect("nothing fails");
        assert_eq!(error.message, "the process ended between two tests: exit 1");
    });
}

#[test]
fn what_an_executables_error_kept_from_running_is_no_verdict() {
    let left = |error: Status| {
        with_cases(|cases| {
            cases.take(&suite(&["ok a", "failed b"]));
            cases.mark_not_run(&error);
            settled(cases)
        })
    };
    let skipped = left(Status::failed(FailureKind::Crash));
    assert_eq!(skipped[..2], ["a passed", "b failed(test)"]);
    assert!(
        skipped[2..].iter().all(|case| case.contains(" skipped(")),
        "{skipped:?}"
    );
    let doubt = InconclusiveReason::OutOfMemory;
    let doubtful = left(Status::Inconclusive { doubt });
    assert_eq!(doubtful.len(), 5);
    assert!(
        doubtful[2..]
            .iter()
            .all(|case| case.ends_with("inconclusive(out of memory)"))
    );
}

#[test]
fn an_executable_that_fails_after_its_tests_passed_has_failed() {
    let passed = suite(&["ok a", "end"]);
    assert!(failed_after_passing(&Exit::Code(23), &passed).is_some());
    assert!(failed_after_passing(&Exit::Signal(6), &passed).is_some());
    assert!(failed_after_passing(&Exit::Code(0), &passed).is_none());
    let failed = suite(&["failed a", "end"]);
    assert!(failed_after_passing(&Exit::Code(101), &failed).is_none());
    let cut_short = suite(&["ok a"]);
    assert!(failed_after_passing(&Exit::Signal(6), &cut_short).is_none());
    let under_way = suite(&["ok a", "start b", "end"]);
    assert!(failed_after_passing(&Exit::Signal(6), &under_way).is_none());
}

proptest! {
    /// Whatever a process prints and however it ends: a test is settled, runs alone, or is still
    /// open for the next batch; and what ran alone is settled.
    #[test]
    fn no_test_is_lost_and_none_is_settled_and_run_again(
        events in prop::collection::vec(("start|ok|failed|ignored", "[a-g]"), 0..14),
        has_end in any::<bool>(),
        exit in prop::sample::select(vec![
            Exit::Code(0), Exit::Code(1), Exit::Code(101), Exit::Signal(11), Exit::TimedOut,
        ]),
    ) {
        let mut events: Vec<String> =
            events.iter().map(|(word, name)| format!("{word} {name}")).collect();
        if has_end {
            events.push("end".to_owned());
        }
        let events: Vec<&str> = events.iter().map(String::as_str).collect();
        let suite = suite(&events);
        with_cases(|cases| {
            let batch = names(&["a", "b", "c", "d", "e"]);
            let alone = cases.record_attempt(&batch, &ended(exit.clone()), &suite);
            for name in &batch {
                prop_assert!(!(alone.contains(name) && cases.results.contains_key(name)));
            }
            prop_assert!(alone.iter().all(|name| cases.names.contains(name)));
            prop_assert!(cases.results.keys().all(|name| cases.names.contains(name)));
            Ok(())
        })?;
        with_cases(|cases| {
            let alone = cases.record_attempt(&names(&["a"]), &ended(exit), &suite);
            let is_over = suite.is_complete && !suite.running.keys().any(|n| cases.names.contains(n));
            prop_assert!(is_over || (alone.is_empty() && cases.results.contains_key("a")));
            Ok(())
        })?;
    }
}
