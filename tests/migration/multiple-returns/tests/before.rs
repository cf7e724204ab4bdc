//! A component with two results, run on 24 with the gate open.
//!
//! Expected to pass on 24 to 30. 31 removed multiple results from the component
//! model, and the option with them (#10235). The guest has to change too: see
//! `after.rs`.

use multiple_returns::TWO_RESULTS;
use wasmtime::component::{Component, Linker};
use wasmtime::{Config, Engine, Result, Store};

#[test]
fn function_returns_two_results_when_the_gate_is_open() -> Result<()> {
    let mut config = Config::new();
    config.wasm_component_model_multiple_returns(true);
    let engine = Engine::new(&config)?;
    let component = Component::new(&engine, TWO_RESULTS)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let pair = instance.get_typed_func::<(), (u8, i8)>(&mut store, "pair")?;
    assert_eq!(pair.call(&mut store, ())?, (7, -5));
    Ok(())
}
