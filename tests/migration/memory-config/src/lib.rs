//! How much address space a linear memory reserves, and how much guards it.
//!
//! Holds the sizes and a guest that grows its memory. The names of the options
//! are what changes.

use wasmtime::{Config, Engine, Instance, Module, Result, Store};

/// Exports `grow`, which grows a memory of one page and returns its old size.
pub const GUEST: &[u8] = include_bytes!("../guests/grow.wasm");

/// Address space to reserve for a memory: 16 pages.
pub const RESERVATION: u64 = 1 << 20;

/// Unmapped address space behind it.
pub const GUARD: u64 = 1 << 16;

/// More pages than the reservation has room for.
pub const PAGES_BEYOND_RESERVATION: i32 = 32;

/// Grows the guest's memory and returns the old size in pages, or -1.
pub fn grow(config: &Config, pages: i32) -> Result<i32> {
    let engine = Engine::new(config)?;
    let mut store = Store::new(&engine, ());
    let instance = Instance::new(&mut store, &Module::new(&engine, GUEST)?, &[])?;
    let grow = instance.get_typed_func::<i32, i32>(&mut store, "grow")?;
    grow.call(&mut store, pages)
}
