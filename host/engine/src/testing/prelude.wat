  (memory (export "memory") 4)
  (global $heap (mut i32) (i32.const 65536))
  (global $calls (mut i32) (i32.const 0))
  (data (i32.const 1024) "test:guest")          ;; 10
  (data (i32.const 1040) "0.1.0")               ;; 5
  (data (i32.const 1056) "A guest for tests.")  ;; 18
  (data (i32.const 1088) "no-good")             ;; 7
  (data (i32.const 1104) "place")               ;; 5

  (func $alloc (param $size i32) (result i32)
    (local $at i32)
    (local.set $at (i32.and (i32.add (global.get $heap) (i32.const 7)) (i32.const -8)))
    (global.set $heap (i32.add (local.get $at) (local.get $size)))
    (if (i32.gt_u (global.get $heap) (i32.mul (memory.size) (i32.const 65536)))
      (then (drop (memory.grow (i32.add (i32.const 1) (i32.div_u (local.get $size) (i32.const 65536)))))))
    (local.get $at))

  (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
    (call $alloc (local.get 3)))

  (func (export "atlas:types/module@0.1.0#describe") (result i32)
    (i32.store (i32.const 16) (i32.const 1024))
    (i32.store (i32.const 20) (i32.const 10))
    (i32.store (i32.const 24) (i32.const 1040))
    (i32.store (i32.const 28) (i32.const 5))
    (i32.store (i32.const 32) (i32.const 1056))
    (i32.store (i32.const 36) (i32.const 18))
    (i32.const 16))

  (func (export "atlas:types/module@0.1.0#configure") (param i32 i32) (result i32)
    (i32.store (i32.const 16) (i32.const 0))
    (i32.const 16))
