//! Preview 2 as written for 24: `WasiView` hands over context and table.
//!
//! Expected to pass on 24 to 29. 30 moved `table` to the new supertrait `IoView`
//! (#10016), 33 moved the rest to `wasmtime_wasi::p2` (#10073).

use wasi_preview2::{GREETING, GUEST};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::bindings::sync::Command;
use wasmtime_wasi::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiView};

struct Host {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> &mut WasiCtx {
        &mut self.ctx
    }

    fn table(&mut self) -> &mut ResourceTable {
        &mut self.table
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
