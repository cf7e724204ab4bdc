//! The options as named on 24, a set for static and a set for dynamic memories.
//!
//! Expected to pass on 24 to 26. 27 made one guard size of two (#9528), 28 made
//! one reservation of the rest (#9545).

use memory_config::{grow, GUARD, PAGES_BEYOND_RESERVATION, RESERVATION};
use wasmtime::{Config, Engine, Result};

fn small_reservation() -> Config {
    let mut config = Config::new();
    config.static_memory_maximum_size(RESERVATION);
    config.static_memory_guard_size(GUARD);
    config.dynamic_memory_guard_size(GUARD);
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
