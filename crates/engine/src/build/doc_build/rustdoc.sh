# In the place of rustdoc: says how it was called, and runs nothing.
note "$@"
