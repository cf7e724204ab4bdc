//! A store that owns its data and a wrapper over `T: 'static`, as migrated.
//!
//! Expected to pass on every pin, so that this can be migrated first, on 24.

use std::sync::Arc;
use store_lifetimes::GUEST;
use wasmtime::{Engine, Instance, Module, Result, Store};

struct Guest<T: 'static> {
    store: Store<T>,
    instance: Instance,
}

impl<T: 'static> Guest<T> {
    fn new(data: T) -> Result<Self> {
        let engine = Engine::default();
        let mut store = Store::new(&engine, data);
        let instance = Instance::new(&mut store, &Module::new(&engine, GUEST)?, &[])?;
        Ok(Self { store, instance })
    }

    fn seven(&mut self) -> Result<i32> {
        self.instance
            .get_typed_func::<(), i32>(&mut self.store, "seven")?
            .call(&mut self.store, ())
    }
}

#[test]
fn generic_wrapper_calls_the_guest() -> Result<()> {
    assert_eq!(Guest::new(())?.seven()?, 7);
    Ok(())
}

#[test]
fn store_shares_its_data() -> Result<()> {
    let local: Arc<str> = Arc::from("a local of the embedder");
    let guest = Guest::new(local.clone())?;
    assert_eq!(*guest.store.data(), local);
    Ok(())
}
