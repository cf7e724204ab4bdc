//! Nested exports as migrated to 36: `get_export_index`.
//!
//! Expected to pass from 33 on, where both methods are new (#10597).

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
        .get_export_index(&mut *store, None, INTERFACE)
        .expect("the guest exports it");
    instance
        .get_export_index(&mut *store, Some(&interface), name)
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
    let interface = component
        .get_export_index(None, INTERFACE)
        .expect("the guest exports it");
    let add = component
        .get_export_index(Some(&interface), "add")
        .expect("the interface has it");
    let (mut store, instance) = instantiate(&component)?;
    let add = instance.get_typed_func::<(u32, u32), (u32,)>(&mut store, add)?;
    assert_eq!(add.call(&mut store, (2, 40))?, (42,));
    Ok(())
}
