//! Lines as registries write them, and how cargo reads each.

use super::*;

/// A line with an additional field, or with another value for a field.
fn line(with: &str) -> String {
    let plain = [
        ("name", r#""a""#),
        ("vers", r#""4.0.0""#),
        ("deps", "[]"),
        ("cksum", r#""00""#),
        ("features", "{}"),
    ];
    let is_replaced = |name: &str| with.starts_with(&format!("\"{name}\""));
    let plain = plain.iter().filter(|(name, _)| !is_replaced(name));
    let fields = plain.map(|(name, value)| format!("\"{name}\":{value}"));
    let with = (!with.is_empty()).then(|| with.to_owned());
    format!("{{{}}}", fields.chain(with).collect::<Vec<_>>().join(","))
}

/// A line with one dependency that has these fields.
fn asking(fields: &str) -> String {
    line(&format!(r#""deps":[{{"name":"b","req":"^1"{fields}}}]"#))
}

/// The result of reading a line: its version, or why it is skipped.
fn read_line(line: &str) -> String {
    let entry = CrateEntry::of_lines(line.as_bytes());
    let usable = entry.versions.iter().map(|p| p.version.to_string());
    let passed_over = entry.passed_over.iter();
    let passed_over = passed_over.map(|passed| format!("{} {}", passed.name(), passed.why));
    usable.chain(passed_over).collect::<Vec<_>>().join("; ")
}

#[test]
fn what_may_be_left_out_or_null_is_taken() {
    for with in [
        "",
        r#""v":null"#,
        r#""v":1"#,
        r#""v":2"#,
        r#""yanked":null"#,
        r#""links":null"#,
        r#""features2":null"#,
        r#""features2":{"x":["dep:b"]}"#,
        r#""rust_version":null"#,
        r#""rust_version":"1.80""#,
        r#""rust_version":"1""#,
        r#""pubtime":null"#,
        r#""made_up":{"of":["anything"]}"#,
    ] {
        assert_eq!(read_line(&line(with)), "4.0.0", "{with}");
    }
    for fields in [
        "",
        r#","package":null"#,
        r#","kind":null"#,
        r#","kind":"made up""#,
        r#","target":null"#,
        r#","target":"cfg(unix)""#,
        r#","target":"x86_64-unknown-linux-gnu""#,
        r#","registry":null"#,
        r#","public":null"#,
        r#","artifact":null"#,
        r#","bindep_target":null"#,
        r#","made_up":1"#,
    ] {
        assert_eq!(read_line(&asking(fields)), "4.0.0", "{fields}");
    }
}

#[test]
fn what_cargo_refuses_is_passed_over_and_named() {
    for with in [
        r#""deps":null"#,
        r#""cksum":null"#,
        r#""features":null"#,
        r#""yanked":"no""#,
        r#""rust_version":"new""#,
        r#""rust_version":"^1.80""#,
        r#""rust_version":"1.80.0-beta""#,
        r#""v":"two""#,
    ] {
        let message = read_line(&line(with));
        assert!(
            message.starts_with("4.0.0 cannot be read in the index: "),
            "{with}: {message}"
        );
    }
    for fields in [
        r#","optional":null"#,
        r#","default_features":null"#,
        r#","features":null"#,
        r#","target":"cfg(""#,
        r#","lib":null"#,
    ] {
        let message = read_line(&asking(fields));
        assert!(
            message.starts_with("4.0.0 cannot be read in the index: "),
            "{fields}: {message}"
        );
    }
    let twice = read_line(&line(r#""deps":[{"name":"b","req":"one"}]"#));
    assert!(
        twice.starts_with("4.0.0 cannot be read in the index: "),
        "{twice}"
    );
}

#[test]
fn a_line_of_a_newer_format_is_passed_over_whatever_it_holds() {
    let words = "4.0.0 is of format 3 in the index, and cargo reads up to 2";
    assert_eq!(read_line(&line(r#""v":3"#)), words);
    assert_eq!(
        read_line(r#"{"name":"a","vers":"4.0.0","v":3,"deps":"none"}"#),
        words
    );
}

#[test]
fn a_line_that_cannot_be_read_loses_no_other() {
    let text = format!(
        "{}\n\n{{\"name\":\u{1b}\n{}\n",
        line(""),
        line(r#""vers":"3.0.0+x""#)
    );
    let entry = CrateEntry::of_lines(text.as_bytes());
    let versions: Vec<String> = entry
        .versions
        .iter()
        .map(|p| p.version.to_string())
        .collect();
    assert_eq!(versions, ["3.0.0+x", "4.0.0"]);
    assert_eq!(entry.passed_over[0].name(), "line 3");
    assert!(CrateEntry::of_lines(b"\xff\n{").versions.is_empty());
}

#[test]
fn what_a_version_asks_for_goes_by_the_name_of_the_crate() {
    let asks = |fields: &str| {
        let entry = CrateEntry::of_lines(asking(fields).as_bytes());
        let requires = entry.versions[0].requires.iter();
        requires
            .map(|d| format!("{} {}", d.package, d.req))
            .collect::<Vec<_>>()
    };
    assert_eq!(asks(r#","package":"c""#), ["c ^1"]);
    assert_eq!(asks(r#","package":null"#), ["b ^1"]);
    assert_eq!(asks(r#","kind":"build""#), ["b ^1"]);
    assert!(asks(r#","kind":"dev""#).is_empty());
}

/// A file of cargo's cache with these lines.
fn cached(form: u8, lines: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = vec![form, 2, 0, 0, 0];
    bytes.extend(b"etag: \"x\"\0");
    for (version, line) in lines {
        bytes.extend(format!("{version}\0{line}\0").bytes());
    }
    bytes
}

#[test]
fn the_copy_that_cargo_keeps_tells_the_same() {
    let (first, second) = (line(r#""vers":"1.0.0""#), line(r#""v":3"#));
    let lines = [("1.0.0", first.as_str()), ("4.0.0", second.as_str())];
    let entry = CrateEntry::of_cache(&cached(3, &lines)).expect("a form that is known");
    assert_eq!(entry.versions.len(), 1);
    assert_eq!(entry.passed_over[0].why, SkipCause::NewerFormat(3));
    assert_eq!(CrateEntry::of_cache(&cached(4, &lines)), None);
    assert_eq!(CrateEntry::of_cache(b"\x03\x02"), None);
}
