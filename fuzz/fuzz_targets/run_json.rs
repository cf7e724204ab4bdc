//! Any `run.json`: where it is one, all reports can be made of it, and other programs can read them.
#![no_main]

use quick_xml::Reader;
use quick_xml::events::Event;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some(reports) = pinmatrix_report::fuzzing::run_json(bytes) else {
        return;
    };
    let mut reader = Reader::from_str(&reports.junit);
    reader.config_mut().check_end_names = true;
    while reader.read_event().expect("well-formed XML") != Event::Eof {}
    for json in [&reports.frontier, &reports.code_quality, &reports.sarif] {
        serde_json::from_str::<serde_json::Value>(json).expect("JSON");
    }
    for line in reports.annotations.lines() {
        let is_ours = ["::error ", "::warning ", "::notice "]
            .iter()
            .any(|c| line.starts_with(c));
        assert!(is_ours && !line.contains("##["), "another command: {line}");
    }
    for line in reports.summary.lines() {
        assert!(!line.starts_with("::"), "a command to a CI engine: {line}");
    }
    assert_eq!(
        reports.page.matches("<script").count(),
        2,
        "a script of someone else's"
    );
});
