//! `bindgen!` as used on 24: `add_to_linker` infers the host from a closure.
//!
//! Expected to pass on 24 to 33. 34 gave `add_to_linker` a type parameter `D:
//! HasData` that no closure can tell (#10770).

use component_bindgen::GUEST;
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Result, Store};

wasmtime::component::bindgen!({ path: "wit", world: "guest" });

#[derive(Default)]
struct Host {
    n_calls: usize,
}

impl example::bindgen::math::Host for Host {
    fn multiply(&mut self, a: u32, b: u32) -> u32 {
        self.n_calls += 1;
        a * b
    }
}

fn instantiate() -> Result<(Store<Host>, Guest)> {
    let engine = Engine::default();
    let mut linker = Linker::<Host>::new(&engine);
    Guest::add_to_linker(&mut linker, |host: &mut Host| host)?;
    let component = Component::new(&engine, GUEST)?;
    let mut store = Store::new(&engine, Host::default());
    let guest = Guest::instantiate(&mut store, &component, &linker)?;
    Ok((store, guest))
}

#[test]
fn export_returns_what_the_import_computed() -> Result<()> {
    let (mut store, guest) = instantiate()?;
    assert_eq!(guest.call_run(&mut store, 6)?, 42);
    Ok(())
}

#[test]
fn import_reaches_the_host_state() -> Result<()> {
    let (mut store, guest) = instantiate()?;
    guest.call_run(&mut store, 6)?;
    assert_eq!(store.data().n_calls, 1);
    Ok(())
}
