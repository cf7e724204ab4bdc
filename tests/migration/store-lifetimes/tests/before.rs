//! A store of borrowed data and a wrapper over any `T`, as written for 24.
//!
//! Expected to pass on 24 to 33. 34 asks for `T: 'static` (#10760): that breaks
//! the wrapper where it is defined, and the borrow where it is used.

use store_lifetimes::GUEST;
use wasmtime::{Engine, Instance, Module, Result, Store};

struct Guest<T> {
    store: Store<T>,
    instance: Instance,
}

impl<T> Guest<T> {
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
fn store_borrows_its_data() -> Result<()> {
    let local = String::from("a local of the embedder");
    let guest = Guest::new(local.as_str())?;
    assert_eq!(*guest.store.data(), local);
    Ok(())
}
