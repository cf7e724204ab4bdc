//! Writes a recipe as a POSIX shell script. Everything in a recipe is data for the shell: a quoted
//! word, or a here-document without expansion.

use std::fmt::Write;

use camino::Utf8Path;
use pinmatrix_core::model::outcome::moved::with;
use pinmatrix_core::text::{ellipsis, one_line, shell_word};

use crate::machine::child_env::library_path_variable;
use crate::repro::recipe::{Recipe, VarValue};

/// The longest error that is shown, in characters.
const LONGEST: usize = 300;

/// Returns the script of a recipe.
#[must_use]
pub fn script(recipe: &Recipe) -> String {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = write(&mut out, recipe);
    out
}

fn write(out: &mut String, recipe: &Recipe) -> std::fmt::Result {
    write_head(out, recipe)?;
    for (path, text) in &recipe.files {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_str().is_empty()) {
            writeln!(out, "mkdir -p {}", file_word(folder))?;
        }
        write_file(out, path, text)?;
    }
    if let Some(lock) = &recipe.lock {
        writeln!(out, "\n# The lock of the cell.")?;
        if !recipe.moved.is_empty() {
            let moved = one_line(&with(&recipe.moved));
            writeln!(out, "# It is yours {moved}.")?;
        }
        write_file(out, &recipe.inside.join("Cargo.lock"), lock)?;
    }
    for folder in &recipe.empty_folders {
        writeln!(out, "mkdir -p {}", file_word(folder))?;
    }
    if !recipe.inside.as_str().is_empty() {
        writeln!(out, "cd {}", file_word(&recipe.inside))?;
    }
    write_cell(out, recipe)?;
    if recipe.lock.is_some() {
        write_fetch(out, recipe)?;
    }
    writeln!(out, "failed=")?;
    for step in &recipe.steps {
        let words: Vec<String> = step.args.iter().map(|arg| shell_word(arg)).collect();
        let quiet = if step.args.first().is_some_and(|arg| arg == "metadata") {
            " > /dev/null"
        } else {
            ""
        };
        writeln!(out, "cell {}{quiet}", words.join(" "))?;
    }
    writeln!(out, "[ -z \"$failed\" ]")
}

fn write_head(out: &mut String, recipe: &Recipe) -> std::fmt::Result {
    let cell = &recipe.cell;
    write!(
        out,
        "#!/bin/sh
# {cell}, with cargo alone: builds and tests a copy of a checkout as this cell does.
# usage: sh THIS [WORKSPACE [FOLDER]]
#     WORKSPACE the folder of its Cargo.toml, unchanged, in its repository [default: .]
#     FOLDER    where the copy goes, outside any repository [default: a new one]
# Exits with 1 where anything fails. Nothing keeps builds and tests from the network or from your
# files. A package that is chosen by its name can have other features than among all.
"
    )?;
    if let Some(error) = &recipe.error {
        let error = ellipsis(&one_line(&error.to_string()), LONGEST);
        writeln!(out, "# What stands against it: {error}")?;
    }
    let up: Vec<&str> = recipe.inside.components().map(|_| "/..").collect();
    write!(
        out,
        r#"set -eu
toolchain={}
workspace=${{1:-.}}
[ -f "$workspace/Cargo.toml" ] || {{ echo "$workspace is not a workspace: it has no Cargo.toml" >&2; exit 2; }}
top=$(cd "$workspace{}" && pwd)
copy=${{2:-$(mktemp -d)}}
mkdir -p "$copy/checkout" "$copy/home" "$copy/tmp"
copy=$(cd "$copy" && pwd)
echo "the copy is in $copy" >&2
# What git tracks, and what it does not ignore; elsewhere all but what was built.
files() {{
    cd "$top"
    if git rev-parse --show-toplevel > /dev/null 2>&1 && ! git check-ignore -q "$PWD"; then
        git ls-files -z --cached --others --exclude-standard \
            | xargs -0 sh -c 'for file; do if [ -e "$file" ] || [ -h "$file" ]; then printf "%s\0" "$file"; fi; done' sh \
            | tar -cf - --null -T -
    else
        tar -cf - --exclude=./target --exclude=./.git .
    fi
}}
(files) | (cd "$copy/checkout" && tar -xpf -)
cd "$copy/checkout"

# What the pin changes.
"#,
        shell_word(&recipe.sysroot),
        up.concat(),
    )
}

/// Writes a file as a here-document that ends with a line that the file does not contain.
fn write_file(out: &mut String, path: &Utf8Path, text: &str) -> std::fmt::Result {
    let mut end = "END".to_owned();
    while text.lines().any(|line| line == end) {
        end.push('_');
    }
    let newline = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    writeln!(
        out,
        "cat > {} <<'{end}'\n{text}{newline}{end}",
        file_word(path)
    )
}

/// Quotes a path as a word that no command takes for a flag.
fn file_word(path: &Utf8Path) -> String {
    if path.as_str().starts_with('-') {
        shell_word(&format!("./{path}"))
    } else {
        shell_word(path.as_str())
    }
}

/// Writes the command that fetches everything the cell needs. Only this command sees the user's own
/// home and secrets.
fn write_fetch(out: &mut String, recipe: &Recipe) -> std::fmt::Result {
    let secrets = recipe.secrets.iter().filter(|name| is_name(name));
    let secrets = secrets.map(|name| format!("${{{name}+{name}=\"${name}\"}} "));
    let secrets: String = secrets.collect();
    for triple in recipe.triples.iter().map(|triple| shell_word(triple)) {
        let cargo = "\"$toolchain/bin/cargo\" fetch --locked --target";
        writeln!(out, "closed HOME=\"$HOME\" {secrets}{cargo} {triple}")?;
    }
    writeln!(out)
}

/// Writes the functions that run a command, or cargo, in the cell's environment.
fn write_cell(out: &mut String, recipe: &Recipe) -> std::fmt::Result {
    if let Some(linker) = recipe.linker {
        writeln!(out, "\n# What links.")?;
        let program = format!("#!/bin/sh\nexec cc -fuse-ld={linker} \"$@\"\n");
        writeln!(out, "printf %s {} > \"$copy/link\"", shell_word(&program))?;
        writeln!(out, "chmod +x \"$copy/link\"")?;
    }
    writeln!(out, "\n# All that the cell sees of the environment.")?;
    writeln!(out, "closed() {{\n    env -i \\")?;
    let mut line = |words: &str| writeln!(out, "        {words} \\");
    let folders = |name: &str, own: &str| match recipe.vars.get(name) {
        Some(VarValue::Plain(value)) => format!("{name}=\"{own}\":{}", shell_word(value)),
        Some(VarValue::Secret) | None if name == "PATH" => format!("PATH=\"{own}:$PATH\""),
        Some(VarValue::Secret) | None => format!("{name}=\"{own}${{{name}:+:${name}}}\""),
    };
    // The proxies of rustup come first, as they do outside a cell.
    match recipe.vars.get("PATH") {
        None if recipe.rustup.is_some() => line("PATH=\"$PATH:$toolchain/bin\"")?,
        Some(_) | None => line(&folders("PATH", "$toolchain/bin"))?,
    }
    line(&folders(library_path_variable(), "$toolchain/lib"))?;
    line("HOME=\"$copy/home\" TMPDIR=\"$copy/tmp\"")?;
    line("CARGO_HOME=\"${CARGO_HOME:-$HOME/.cargo}\"")?;
    if let Some(name) = &recipe.rustup {
        let name = shell_word(&format!("RUSTUP_TOOLCHAIN={name}"));
        line(&format!(
            "RUSTUP_HOME=\"${{RUSTUP_HOME:-$HOME/.rustup}}\" {name}"
        ))?;
    }
    if recipe.linker.is_some() {
        let host = recipe.host.to_uppercase().replace('-', "_");
        line(&format!(
            "{}=\"$copy/link\"",
            shell_word(&format!("CARGO_TARGET_{host}_LINKER"))
        ))?;
    }
    for name in recipe.passed.iter().filter(|name| is_name(name)) {
        line(&format!("${{{name}+{name}=\"${name}\"}}"))?;
    }
    for (name, value) in &recipe.vars {
        if name == "PATH" || name == library_path_variable() {
            continue;
        }
        match value {
            VarValue::Plain(value) => line(&shell_word(&format!("{name}={value}")))?,
            // It must not be written to any file.
            VarValue::Secret if is_name(name) => line(&format!("{name}=\"${{{name}-}}\""))?,
            VarValue::Secret => {}
        }
    }
    writeln!(out, "        \"$@\"\n}}")?;
    writeln!(
        out,
        "cell() {{\n    closed \"$toolchain/bin/cargo\" \"$@\" || failed=yes\n}}\n"
    )
}

/// Returns true if a shell can have a variable of that name.
fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(fits) && !name.starts_with(|c: char| c.is_ascii_digit()) && !name.is_empty()
}

#[cfg(all(test, unix))]
#[expect(
    clippy::disallowed_methods,
    reason = "tests run the scripts themselves"
)]
mod tests;
