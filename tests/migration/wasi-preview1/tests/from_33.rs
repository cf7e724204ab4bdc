//! Preview 1 with the builder and the pipe under `p2`.
//!
//! Expected to pass on 33 to 35. 36 moved `WasiCtxBuilder` back to the root and
//! left the pipe where it was (#11365, #11370).

use wasi_preview1::{EXIT, EXIT_CODE, GREETING, HELLO};
use wasmtime::{Engine, Linker, Module, Result, Store};
use wasmtime_wasi::p2::pipe::MemoryOutputPipe;
use wasmtime_wasi::p2::WasiCtxBuilder;
use wasmtime_wasi::preview1::{self, WasiP1Ctx};
use wasmtime_wasi::I32Exit;

fn run(guest: &[u8], ctx: WasiP1Ctx) -> Result<()> {
    let engine = Engine::default();
    let mut linker = Linker::<WasiP1Ctx>::new(&engine);
    preview1::add_to_linker_sync(&mut linker, |ctx| ctx)?;
    let mut store = Store::new(&engine, ctx);
    let instance = linker.instantiate(&mut store, &Module::new(&engine, guest)?)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call(&mut store, ())
}

#[test]
fn stdout_is_captured() -> Result<()> {
    let stdout = MemoryOutputPipe::new(4096);
    let ctx = WasiCtxBuilder::new().stdout(stdout.clone()).build_p1();
    run(HELLO, ctx)?;
    assert_eq!(stdout.contents(), GREETING);
    Ok(())
}

#[test]
fn exit_code_reaches_the_embedder() {
    let error = run(EXIT, WasiCtxBuilder::new().build_p1()).unwrap_err();
    let exit = error.downcast_ref::<I32Exit>().expect("an exit");
    assert_eq!(exit.0, EXIT_CODE);
}
