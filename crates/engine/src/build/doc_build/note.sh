# Writes down how this program was called: CALLS/NUMBER holds its folder, arguments and variables.
note() {
    call=$calls/$$
    mkdir "$call" || exit 1
    pwd -P > "$call/folder"
    printf '%s\0' "$@" > "$call/args"
    # A shell hands on only such variables as it could name itself.
    cat "/proc/$$/environ" > "$call/vars" 2> /dev/null || env -0 > "$call/vars"
}
