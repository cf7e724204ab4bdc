(component
  (import "example:bindgen/math" (instance $math
    (export "multiply" (func (param "a" u32) (param "b" u32) (result u32)))))
  (core func $multiply (canon lower (func $math "multiply")))
  (core module $m
    (import "host" "multiply" (func $multiply (param i32 i32) (result i32)))
    (func (export "run") (param i32) (result i32)
      (call $multiply (local.get 0) (i32.const 7))))
  (core instance $i
    (instantiate $m (with "host" (instance (export "multiply" (func $multiply))))))
  (func (export "run") (param "x" u32) (result u32) (canon lift (core func $i "run"))))
