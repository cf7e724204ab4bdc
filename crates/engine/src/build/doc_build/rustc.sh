# In the place of a wrapper of rustc: hands on questions, says of a compilation how it was called, and
# compiles nothing. Cargo does not miss the files, but for a build script, which it runs.
for arg; do
    case $arg in --emit*) emits=yes ;; esac
    case $last in
        --crate-type) type=$arg ;;
        --crate-name) name=$arg ;;
        --out-dir) out=$arg ;;
        -C) case $arg in extra-filename=*) extra=${arg#extra-filename=} ;; esac ;;
    esac
    last=$arg
done
[ -n "$emits" ] || exec "$@"
note "$@"
[ "$type" != bin ] || ln -sf "$script" "$out/$name$extra"
