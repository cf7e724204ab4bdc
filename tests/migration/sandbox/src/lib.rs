//! Limits on what a guest may consume: fuel, epochs, growth.
//!
//! Holds the guests, the limits on growth and how to run against them. Only a
//! `ResourceLimiter` of one's own changes.

use wasmtime::{Instance, Module, Result, Store};

/// Exports `run`, which never returns.
pub const SPIN: &[u8] = include_bytes!("../guests/spin.wasm");

/// Exports `run`, which fills one page of memory in one instruction.
pub const FILL: &[u8] = include_bytes!("../guests/fill.wasm");

/// Exports `grow`, which grows a memory of one page and returns its old size.
pub const GROW: &[u8] = include_bytes!("../guests/grow.wasm");

/// Has a table of twice [`MAX_TABLE_ELEMENTS`].
pub const WIDE_TABLE: &[u8] = include_bytes!("../guests/wide_table.wasm");

/// Two pages.
pub const MAX_MEMORY_BYTES: usize = 2 << 16;

/// How wide a table may be: half of what [`WIDE_TABLE`] asks for.
pub const MAX_TABLE_ELEMENTS: u8 = 10;

/// Calls the guest's `run`.
pub fn run<T: 'static>(store: &mut Store<T>, guest: &[u8]) -> Result<()> {
    let instance = instantiate(store, guest)?;
    let run = instance.get_typed_func::<(), ()>(&mut *store, "run")?;
    run.call(store, ())
}

/// Grows the memory of [`GROW`] and returns its old size in pages, or -1.
pub fn grow<T: 'static>(store: &mut Store<T>, pages: i32) -> Result<i32> {
    let instance = instantiate(store, GROW)?;
    let grow = instance.get_typed_func::<i32, i32>(&mut *store, "grow")?;
    grow.call(store, pages)
}

/// Instantiates a guest that imports nothing.
pub fn instantiate<T: 'static>(store: &mut Store<T>, guest: &[u8]) -> Result<Instance> {
    let module = Module::new(store.engine(), guest)?;
    Instance::new(store, &module, &[])
}
