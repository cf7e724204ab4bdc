//! A component with one tuple for a result: the same two values, as migrated.
//!
//! Expected to pass on every pin, so that a guest can be migrated first, on 24.

use multiple_returns::ONE_TUPLE;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store};

#[test]
fn function_returns_one_tuple() -> Result<()> {
    let engine = Engine::default();
    let component = Component::new(&engine, ONE_TUPLE)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &component)?;
    let pair = instance.get_typed_func::<(), ((u8, i8),)>(&mut store, "pair")?;
    assert_eq!(pair.call(&mut store, ())?, ((7, -5),));
    Ok(())
}
