//! Changes to single entries of a manifest.

use toml_edit::{Item, TableLike, Value};

use super::{RequirementPin, SOURCES, is_inherited};

/// Converts a value of toml to one of toml_edit.
pub(super) fn item(requirement: &toml::Value) -> Option<Item> {
    let value = requirement.to_string().parse::<Value>();
    value.ok().map(Item::Value)
}

/// Changes a requirement to match another. Keys that the other does not have stay, except for the
/// source of the package.
pub(super) fn change(requirement: &mut Item, other: &toml::Value) {
    if is_inherited(requirement) {
        return;
    }
    if let Some(version) = requirement.as_value().cloned().filter(Value::is_str) {
        let mut table = toml_edit::InlineTable::new();
        table.insert("version", version);
        *requirement = toml_edit::value(table);
    }
    let Some(table) = requirement.as_table_like_mut() else {
        return;
    };
    let named = match other.as_table() {
        Some(named) => named.clone(),
        None => toml::Table::from_iter([("version".to_owned(), other.clone())]),
    };
    let sources = || SOURCES.into_iter().chain(["version"]);
    if sources().any(|source| named.contains_key(source)) {
        sources().for_each(|source| drop(table.remove(source)));
    }
    for (key, value) in &named {
        if let Some(item) = item(value) {
            table.insert(key, item);
        }
    }
}

/// Pins a requirement, unless it inherits from the workspace.
pub(super) fn set_hold(requirement: &mut Item, hold: &RequirementPin) {
    let exact = match hold {
        RequirementPin::Version(version) => Some(format!("={version}")),
        RequirementPin::Git { .. } | RequirementPin::Path(_) => None,
    };
    let Some(table) = requirement.as_table_like_mut() else {
        if let (Some(value), Some(exact)) = (requirement.as_value_mut(), &exact) {
            replace_text(value, exact);
        } else {
            let mut table = toml_edit::InlineTable::new();
            hold_elsewhere(&mut table, hold);
            *requirement = toml_edit::value(table);
        }
        return;
    };
    if table.contains_key("workspace") {
        return;
    }
    for source in SOURCES {
        table.remove(source);
    }
    let Some(exact) = exact else {
        table.remove("version");
        table.remove("registry");
        hold_elsewhere(table, hold);
        return;
    };
    match table.get_mut("version").and_then(Item::as_value_mut) {
        Some(version) => replace_text(version, &exact),
        None => {
            table.insert("version", toml_edit::value(exact));
        }
    }
}

fn hold_elsewhere(table: &mut dyn TableLike, hold: &RequirementPin) {
    match hold {
        RequirementPin::Version(_) => {}
        RequirementPin::Git { git, rev } => {
            table.insert("git", toml_edit::value(git));
            table.insert("rev", toml_edit::value(rev));
        }
        RequirementPin::Path(folder) => {
            table.insert("path", toml_edit::value(folder.as_str()));
        }
    }
}

/// Replaces some strings of a list.
pub(super) fn replace(list: &mut toml_edit::Array, others: impl Fn(&str) -> Option<Vec<String>>) {
    let mut index = 0;
    while let Some(written) = list
        .get(index)
        .map(|v| v.as_str().unwrap_or_default().to_owned())
    {
        let Some(others) = others(&written) else {
            index += 1;
            continue;
        };
        list.remove(index);
        for other in others {
            list.insert(index, other);
            index += 1;
        }
    }
}

/// Changes a string and keeps the white space and comments around it.
fn replace_text(value: &mut Value, text: &str) {
    let around = value.decor().clone();
    *value = Value::from(text);
    *value.decor_mut() = around;
}
