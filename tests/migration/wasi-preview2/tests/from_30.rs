//! Preview 2 with the table in `IoView`.
//!
//! Expected to pass on 30 to 32. `IoView` is new in 30 (#10016); 33 moved all of
//! this to `wasmtime_wasi::p2` (#10073).

use wasi_preview2::{GREETING, GUEST};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::bindings::sync::Command;
use wasmtime_wasi::pipe::MemoryOutputPipe;
use wasmtime_wasi::{IoView, WasiCtx, WasiCtxBuilder, WasiView};

struct Host {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl IoView for Host {
    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
    }
}

impl WasiView for Host {
    fn ctx(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }
}

#[test]
fn stdout_is_captured() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    wasmtime_wasi::add_to_linker_sync(&mut linker)?;

    let stdout = MemoryOutputPipe::new(4096);
    let host = Host {
        ctx: WasiCtxBuilder::new().stdout(stdout.clone()).build(),
        table: ResourceTable::new(),
    };
    let mut store = Store::new(&engine, host);
    let component = Component::new(&engine, GUEST)?;
    let command = Command::instantiate(&mut store, &component, &linker)?;
    let status = command.wasi_cli_run().call_run(&mut store)?;

    assert_eq!(status, Ok(()));
    assert_eq!(stdout.contents(), GREETING);
    Ok(())
}
