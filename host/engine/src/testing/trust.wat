;; A trust module that breaks one promise by number. See roles.rs.
;;   0 trusts twice as much as there is   1 gives scores that it does not explain
(module
  ;; PRELUDE
  (global $count (mut i32) (i32.const 0))
  (global $explain (mut i32) (i32.const 0))
  (global $explained (mut i32) (i32.const 0))

  (func (export "atlas:trust/trusting@0.1.0#init")
    (param $n i32) (param i32 i32 i64) (param $explain i32) (param $explained i32)
    (global.set $count (local.get $n))
    (global.set $explain (local.get $explain))
    (global.set $explained (local.get $explained)))

  (func (export "atlas:trust/trusting@0.1.0#fold") (param i32 i32 i32 i32 i32 i32 i32 i32))

  (func (export "atlas:trust/trusting@0.1.0#finish") (result i32)
    (local $scores i32) (local $out i32) (local $i i32)
    (local.set $scores (call $alloc (i32.mul (global.get $count) (i32.const 4))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (global.get $count)))
        (i32.store (i32.add (local.get $scores) (i32.mul (local.get $i) (i32.const 4)))
          (select (i32.const 7) (i32.const 2000000) (i32.const $BEHAVIOUR)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (local.set $out (call $alloc (i32.mul (global.get $explained) (i32.const 12))))
    (local.set $i (i32.const 0))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (global.get $explained)))
        (i32.store (i32.add (local.get $out) (i32.mul (local.get $i) (i32.const 12)))
          (i32.load (i32.add (global.get $explain) (i32.mul (local.get $i) (i32.const 4)))))
        (i64.store offset=4 align=4 (i32.add (local.get $out) (i32.mul (local.get $i) (i32.const 12))) (i64.const 0))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 16) (local.get $scores))
    (i32.store (i32.const 20) (global.get $count))
    (i32.store (i32.const 24) (local.get $out))
    (i32.store (i32.const 28) (global.get $explained))
    (i32.const 16))
)
