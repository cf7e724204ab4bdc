(module
  (memory 1)
  (func (export "run")
    (memory.fill (i32.const 0) (i32.const 1) (i32.const 65536))))
