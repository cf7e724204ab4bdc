//! Parsing and the macros work side by side.

#[test]
fn two_items() {
    assert_eq!(parses::items("fn a() {} fn b() {}"), 2);
    assert_eq!(parses::Number(3).to_string(), "3");
}
