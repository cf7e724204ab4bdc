//! Preview 2 as migrated to 36: one method hands over a `WasiCtxView`.
//!
//! Expected to pass from 36 on. `WasiCtxView` is new in 36, which also moved the
//! context back to the root (#11365, #11370).

use wasi_preview2::{GREETING, GUEST};
use wasmtime::component::{Component, Linker, ResourceTable};
use wasmtime::{Engine, Result, Store};
use wasmtime_wasi::p2::bindings::sync::Command;
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder, WasiCtxView, WasiView};

struct Host {
    ctx: WasiCtx,
    table: ResourceTable,
}

impl WasiView for Host {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.ctx,
            table: &mut self.table,
        }
    }
}

#[test]
fn stdout_is_captured() -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    wasmtime_wasi::p2::add_to_linker_sync(&mut linker)?;

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
