//! Growth limits by a `ResourceLimiter` as migrated: tables count in `usize`.
//!
//! Expected to pass from 26 on, where the signature is new (#9206).

use sandbox::{grow, instantiate, MAX_MEMORY_BYTES, MAX_TABLE_ELEMENTS, WIDE_TABLE};
use wasmtime::{Engine, ResourceLimiter, Result, Store};

struct Limits;

impl ResourceLimiter for Limits {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= MAX_MEMORY_BYTES)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> Result<bool> {
        Ok(desired <= usize::from(MAX_TABLE_ELEMENTS))
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
