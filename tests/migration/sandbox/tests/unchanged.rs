//! Fuel, epochs, and growth limits by `StoreLimits`: all that did not change.
//!
//! Expected to pass on every pin. Beyond the matrix, 46 charges bulk memory
//! instructions by the byte (#13393), which fails `bulk_fill_costs_little_fuel`.

use sandbox::{
    grow, instantiate, run, FILL, MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS, SPIN, WIDE_TABLE,
};
use wasmtime::{Config, Engine, Result, Store, StoreLimits, StoreLimitsBuilder, Trap};

/// Far less than one unit for each byte that `FILL` writes.
const FUEL: u64 = 10_000;

fn fueled_store() -> Result<Store<()>> {
    let mut config = Config::new();
    config.consume_fuel(true);
    let mut store = Store::new(&Engine::new(&config)?, ());
    store.set_fuel(FUEL)?;
    Ok(store)
}

fn limited_store() -> Store<StoreLimits> {
    let limits = StoreLimitsBuilder::new()
        .memory_size(MAX_MEMORY_BYTES)
        .table_elements(MAX_TABLE_ELEMENTS.into())
        .build();
    let mut store = Store::new(&Engine::default(), limits);
    store.limiter(|limits| limits);
    store
}

#[test]
fn endless_loop_runs_out_of_fuel() -> Result<()> {
    let error = run(&mut fueled_store()?, SPIN).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::OutOfFuel));
    Ok(())
}

#[test]
fn bulk_fill_costs_little_fuel() -> Result<()> {
    run(&mut fueled_store()?, FILL)
}

#[test]
fn endless_loop_stops_at_the_epoch_deadline() -> Result<()> {
    let mut config = Config::new();
    config.epoch_interruption(true);
    let engine = Engine::new(&config)?;
    let mut store = Store::new(&engine, ());
    store.set_epoch_deadline(1);
    engine.increment_epoch();
    let error = run(&mut store, SPIN).unwrap_err();
    assert_eq!(error.downcast_ref(), Some(&Trap::Interrupt));
    Ok(())
}

#[test]
fn memory_grows_up_to_the_limit() -> Result<()> {
    assert_eq!(grow(&mut limited_store(), 1)?, 1);
    Ok(())
}

#[test]
fn memory_does_not_grow_beyond_the_limit() -> Result<()> {
    assert_eq!(grow(&mut limited_store(), 2)?, -1);
    Ok(())
}

#[test]
fn table_beyond_the_limit_is_not_instantiated() {
    assert!(instantiate(&mut limited_store(), WIDE_TABLE).is_err());
}
