//! Each version runs the module.

#[test]
fn old_runs() {
    let engine = wasmtime_old::Engine::default();
    let module = wasmtime_old::Module::new(&engine, both::MODULE).unwrap();
    let mut store = wasmtime_old::Store::new(&engine, ());
    let instance = wasmtime_old::Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), (i32, i32)>(&mut store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), (1, 2));
}

#[test]
fn new_runs() {
    let engine = wasmtime::Engine::default();
    let module = wasmtime::Module::new(&engine, both::MODULE).unwrap();
    let mut store = wasmtime::Store::new(&engine, ());
    let instance = wasmtime::Instance::new(&mut store, &module, &[]).unwrap();
    let f = instance.get_typed_func::<(), (i32, i32)>(&mut store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), (1, 2));
}
