//! Accepted forms of `matrix.toml`, and the message for each user error.

use std::path::Path;

use super::*;

const GOOD: &str = r#"
[subject]
path = "."

[[toolchain]]
label = "stable"
rustup = "stable"

[[family]]
name = "gadget"
crates = ["gadget", "gadget-io"]
pins = ["1.0.0", "2.0.0"]
"#;

fn parse(content: &str) -> Result<Config, UserError> {
    Config::parse(SourceText::new(
        Path::new("matrix.toml"),
        content.to_owned(),
    ))
}

/// Returns the error message after a part of the good file is replaced.
fn user_error(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from} is not in the good file");
    match parse(&GOOD.replace(from, to)) {
        Ok(_) => format!("`{to}` was taken"),
        Err(error) => error.to_string(),
    }
}

#[test]
fn a_good_file_is_taken_and_defaults_hold() {
    let config = parse(GOOD).expect("good");
    assert!(matches!(&config.families[0].pins, Pins::Written(pins) if pins.len() == 2));
    assert_eq!(config.timeouts.case, None);
    assert_eq!(config.run.retries, 1);
    assert_eq!(config.run.strategy, Strategy::Frontier);
    assert_eq!(config.build.debug, Debug::Subject);
}

#[test]
fn every_user_error_names_the_line_the_fault_and_a_fix() {
    let cases = [
        ("path = \".\"", "paht = \".\""),
        ("path = \".\"", "path = 3"),
        ("label = \"stable\"", "label = \"sta/ble\""),
        (
            "label = \"stable\"",
            "label = \"as-long-as-a-description-of-what-it-is-for\"",
        ),
        ("rustup = \"stable\"", ""),
        ("rustup = \"stable\"", "rustup = []"),
        ("rustup = \"stable\"", "rustup = \"stable\"\ndir = \"/opt\""),
        ("pins = [\"1.0.0\", \"2.0.0\"]", "pins = []"),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"2.0.0\", \"1.0.0\"]",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\", \"1.0.0\"]",
        ),
        ("pins = [\"1.0.0\", \"2.0.0\"]", "pins = [\"^1\"]"),
        ("crates = [\"gadget\", \"gadget-io\"]", "crates = []"),
        (
            "crates = [\"gadget\", \"gadget-io\"]",
            "crates = [\"gadget\", \"gadget\"]",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\"]\n[[family]]\nname = \"other\"\ncrates = [\"gadget\"]\npins = [\"1.0.0\"]",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\"]\n[timeouts]\ncase = \"soon\"",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\"]\n[timeouts]\ncase = \"0s\"",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\"]\n[timeouts]\ncase = \"400000000000years\"",
        ),
        (
            "pins = [\"1.0.0\", \"2.0.0\"]",
            "pins = [\"1.0.0\"]\n[run]\njobs = 0",
        ),
        ("pins = [\"1.0.0\", \"2.0.0\"]", "pins = [\"1.0.0\"\n"),
    ];
    let messages: Vec<String> = cases
        .iter()
        .map(|(from, to)| user_error(from, to))
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(content in ".{0,400}") {
        let _ = parse(&content);
    }

    #[test]
    fn no_garbage_within_a_good_file_makes_the_reader_panic(
        at in 0usize..GOOD.len(),
        garbage in ".{0,20}",
    ) {
        let mut content = GOOD.to_owned();
        content.insert_str(at, &garbage);
        if let Err(error) = parse(&content) {
            proptest::prop_assert!(!error.to_string().is_empty());
        }
    }
}
