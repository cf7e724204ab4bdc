//! `bindgen!` as migrated to 36: `add_to_linker` is told `HasSelf`.
//!
//! Expected to pass from 34 on, where `HasData` and `HasSelf` are new (#10770).

use component_bindgen::GUEST;
use wasmtime::component::{Component, HasSelf, Linker};
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
    Guest::add_to_linker::<_, HasSelf<_>>(&mut linker, |host| host)?;
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
