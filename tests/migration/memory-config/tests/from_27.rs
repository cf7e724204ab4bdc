//! The options with one guard size, and the reservation still in two.
//!
//! Expected to pass on 27 only: `memory_guard_size` is new in 27 (#9528), and 28
//! removed the options that set the reservation (#9545).

use memory_config::{grow, GUARD, PAGES_BEYOND_RESERVATION, RESERVATION};
use wasmtime::{Config, Engine, Result};

fn small_reservation() -> Config {
    let mut config = Config::new();
    config.static_memory_maximum_size(RESERVATION);
    config.memory_guard_size(GUARD);
    config.dynamic_memory_reserved_for_growth(RESERVATION);
    config
}

#[test]
fn engine_accepts_a_small_reservation() -> Result<()> {
    Engine::new(&small_reservation())?;
    Ok(())
}

#[test]
fn memory_grows_beyond_its_reservation() -> Result<()> {
    assert_eq!(grow(&small_reservation(), PAGES_BEYOND_RESERVATION)?, 1);
    Ok(())
}
