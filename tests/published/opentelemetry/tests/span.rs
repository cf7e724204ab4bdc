//! A span is made.

#[test]
fn a_span_is_made() {
    assert!(traced::layered());
}
