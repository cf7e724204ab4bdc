//! The options as migrated to 36: one reservation, one guard size.
//!
//! Expected to pass from 28 on, where `memory_reservation` is new (#9545).

use memory_config::{grow, GUARD, PAGES_BEYOND_RESERVATION, RESERVATION};
use wasmtime::{Config, Engine, Result};

fn small_reservation() -> Config {
    let mut config = Config::new();
    config.memory_reservation(RESERVATION);
    config.memory_guard_size(GUARD);
    config.memory_reservation_for_growth(RESERVATION);
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
