//! Calls with two results, typed and untyped, and what a disabled proposal says.
//!
//! Expected to pass on every pin, unchanged. If it fails somewhere, suspect the
//! matrix before wasmtime.

use multi_value::GUEST;
use wasmtime::{Config, Engine, Func, Instance, Module, Result, Store, Val};

fn instantiate(store: &mut Store<()>) -> Result<Instance> {
    let module = Module::new(store.engine(), GUEST)?;
    let bump = Func::wrap(&mut *store, |a: i32, b: i64| -> (i64, i32) {
        (b + 1, a + 1)
    });
    Instance::new(store, &module, &[bump.into()])
}

#[test]
fn typed_call_returns_two_values() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let relay =
        instantiate(&mut store)?.get_typed_func::<(i32, i64), (i64, i32)>(&mut store, "relay")?;
    assert_eq!(relay.call(&mut store, (1, 3))?, (4, 2));
    Ok(())
}

#[test]
fn untyped_call_returns_two_values() -> Result<()> {
    let mut store = Store::new(&Engine::default(), ());
    let relay = instantiate(&mut store)?
        .get_func(&mut store, "relay")
        .expect("the guest exports it");
    let mut results = [Val::I64(0), Val::I32(0)];
    relay.call(&mut store, &[Val::I32(1), Val::I64(3)], &mut results)?;
    assert_eq!((results[0].unwrap_i64(), results[1].unwrap_i32()), (4, 2));
    Ok(())
}

#[test]
fn module_is_rejected_when_the_proposal_is_disabled() -> Result<()> {
    let mut config = Config::new();
    config.wasm_multi_value(false);
    let error = Module::new(&Engine::new(&config)?, GUEST).unwrap_err();
    let error = format!("{error:?}");
    assert!(
        error.contains("multi-value feature is not enabled"),
        "{error}"
    );
    Ok(())
}
