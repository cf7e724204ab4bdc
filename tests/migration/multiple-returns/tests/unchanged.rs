//! A component with two results, offered to an engine with default options.
//!
//! Expected to pass on every pin: 24 put the feature behind a gate that is shut
//! by default (#8965), so what is new in 31 is the reason, not the refusal.

use multiple_returns::TWO_RESULTS;
use wasmtime::component::Component;
use wasmtime::Engine;

/// What the engine says on 24 to 30.
const GATED: &str = "multiple returns on a function is now a gated feature";

/// What it says from 31 on, where the encoding has no meaning any more.
const UNKNOWN: &str = "for number of results";

#[test]
fn two_results_are_rejected_by_default() {
    let rejected = Component::new(&Engine::default(), TWO_RESULTS);
    let error = format!("{:?}", rejected.err().expect("an error"));
    assert!(error.contains(GATED) || error.contains(UNKNOWN), "{error}");
}
