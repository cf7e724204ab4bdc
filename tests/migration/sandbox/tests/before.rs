//! Growth limits by a `ResourceLimiter` as written for 24: tables count in `u32`.
//!
//! Expected to pass on 24 and 25. 26 made `table_growing` count in `usize`
//! (#9206). Whoever needs no more than fixed limits writes `StoreLimits`, which
//! did not change: see `unchanged.rs`.

use sandbox::{grow, instantiate, MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS, WIDE_TABLE};
use wasmtime::{Engine, ResourceLimiter, Result, Store};

struct Limits;

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_MEMORY_BYTES)
    }

    fn table_growing(&mut self, _: u32, desired: u32, _: Option<u32>) -> Result<bool> {
        Ok(desired <= u32::from(MAX_TABLE_ELEMENTS))
    }
}

fn limited_store() -> Store<Limits> {
    let mut store = Store::new(&Engine::default(), Limits);
    store.limiter(|limits| limits);
    store
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
