//! Nested exports as looked up on 24: `get_export` and `export_index`.
//!
//! Expected to pass on 24 to 32. 33 made `Instance::get_export` return a pair
//! and replaced `Component::export_index` (#10597).

use component_calls::{GUEST, INTERFACE};
use wasmtime::component::{Component, ComponentExportIndex, Instance, Linker};
use wasmtime::{Engine, Result, Store};

fn component() -> Result<Component> {
    Component::new(&Engine::default(), GUEST)
}

fn instantiate(component: &Component) -> Result<(Store<()>, Instance)> {
    let mut store = Store::new(component.engine(), ());
    let instance = Linker::new(component.engine()).instantiate(&mut store, component)?;
    Ok((store, instance))
}

/// Finds `name` in the interface, through the instance.
fn find(store: &mut Store<()>, instance: &Instance, name: &str) -> ComponentExportIndex {
    let interface = instance
        .get_export(&mut *store, None, INTERFACE)
        .expect("the guest exports it");
    instance
        .get_export(&mut *store, Some(&interface), name)
        .expect("the interface has it")
}

#[test]
fn nested_export_is_found_and_called() -> Result<()> {
    let (mut store, instance) = instantiate(&component()?)?;
    let add = find(&mut store, &instance, "add");
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, add)?;
    assert_eq!(add.call(&mut store, (2, 40))?, (42,));
    Ok(())
}

#[test]
fn nested_export_is_called_again_after_post_return() -> Result<()> {
    let (mut store, instance) = instantiate(&component()?)?;
    let add = find(&mut store, &instance, "add");
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, add)?;
    add.call(&mut store, (2, 40))?;
    add.post_return(&mut store)?;
    assert_eq!(add.call(&mut store, (1, 1))?, (2,));
    Ok(())
}

#[test]
fn nested_export_takes_a_string() -> Result<()> {
    let (mut store, instance) = instantiate(&component()?)?;
    let len = find(&mut store, &instance, "len");
    let len = instance.get_typed_func::<(&str,), (u32,)>(&mut store, len)?;
    assert_eq!(len.call(&mut store, ("nested",))?, (6,));
    Ok(())
}

#[test]
fn nested_export_is_found_before_instantiation() -> Result<()> {
    let component = component()?;
    let (_, interface) = component
        .export_index(None, INTERFACE)
        .expect("the guest exports it");
    let (_, add) = component
        .export_index(Some(&interface), "add")
        .expect("the interface has it");
    let (mut store, instance) = instantiate(&component)?;
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, add)?;
    assert_eq!(add.call(&mut store, (2, 40))?, (42,));
    Ok(())
}
