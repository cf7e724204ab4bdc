# In the place of a build script: says what the real one said when it ran, if it did.
said=$target${OUT_DIR#"$scratch"}
said=${said%/out}/output
[ ! -f "$said" ] || cat "$said"
