;; An admission module that breaks one promise by number. See roles.rs.
;;   0 admits the first of a batch only   1 asks for a record, whatever it is given
(module
  ;; PRELUDE
  (data (i32.const 1136) "bafyneeded")          ;; 10
  (data (i32.const 1152) "\70\04\00\00\0a\00\00\00")

  (func (export "atlas:admission/admitting@0.1.0#admit") (param $in i32) (param $n i32) (result i32)
    (local $out i32) (local $at i32) (local $i i32)
    ;; 32 bytes each: the case at 0, what it holds at 8. All zero: admitted, no quota.
    (local.set $out (call $alloc (i32.mul (local.get $n) (i32.const 32))))
    (memory.fill (local.get $out) (i32.const 0) (i32.mul (local.get $n) (i32.const 32)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $at (i32.add (local.get $out) (i32.mul (local.get $i) (i32.const 32))))
        (if (i32.and (i32.eq (i32.const $BEHAVIOUR) (i32.const 0)) (i32.gt_u (local.get $i) (i32.const 0))) (then
          (i32.store8 (local.get $at) (i32.const 1))
          (i32.store offset=8 (local.get $at) (i32.const 1088))
          (i32.store offset=12 (local.get $at) (i32.const 7))
          (i32.store offset=16 (local.get $at) (i32.const 1088))
          (i32.store offset=20 (local.get $at) (i32.const 7))))
        (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 1)) (then
          (i32.store8 (local.get $at) (i32.const 2))
          (i32.store offset=8 (local.get $at) (i32.const 1152))
          (i32.store offset=12 (local.get $at) (i32.const 1))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 16) (local.get $out))
    (i32.store (i32.const 20) (local.get $n))
    (i32.const 16))
)
