(component
  (core module $m
    (memory (export "memory") 1)
    (func (export "pair") (result i32)
      (i32.store8 (i32.const 16) (i32.const 7))
      (i32.store8 (i32.const 17) (i32.const 251))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (alias core export $i "memory" (core memory $mem))
  (func (export "pair") (result (tuple u8 s8))
    (canon lift (core func $i "pair") (memory $mem))))
