;; A ranker that breaks one promise by number. See roles.rs.
;;   0 orders by the place in the question    1 drops the last candidate
;;   2 gives contributions that do not add up 3 leaves ties as they were given
;;   4 adds to the scores what it was asked before
(module
  ;; PRELUDE
  ;; One feature: name, about.
  (data (i32.const 1120) "\50\04\00\00\05\00\00\00\50\04\00\00\05\00\00\00")

  (func (export "atlas:ranker/ranking@0.1.0#rules") (result i32)
    (i32.store (i32.const 16) (i32.const 1120))
    (i32.store (i32.const 20) (i32.const 1))
    (i32.store (i32.const 24) (i32.const 0))
    (i32.store (i32.const 28) (i32.const 0))
    (i32.const 16))

  (func (export "atlas:ranker/ranking@0.1.0#rank")
    (param $now i64) (param $ids i32) (param $n i32) (param i32 i32 i32 i32 i32 i32) (result i32)
    (local $order i32) (local $scores i32) (local $parts i32) (local $i i32) (local $score i64)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.set $order (call $alloc (i32.mul (local.get $n) (i32.const 4))))
    (local.set $scores (call $alloc (i32.mul (local.get $n) (i32.const 8))))
    (local.set $parts (call $alloc (i32.mul (local.get $n) (i32.const 8))))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $score (i64.extend_i32_u (i32.sub (local.get $n) (local.get $i))))
        (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 3)) (then (local.set $score (i64.const 0))))
        (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 4))
          (then (local.set $score (i64.add (local.get $score) (i64.extend_i32_u (global.get $calls))))))
        (i32.store (i32.add (local.get $order) (i32.mul (local.get $i) (i32.const 4))) (local.get $i))
        (i64.store (i32.add (local.get $scores) (i32.mul (local.get $i) (i32.const 8))) (local.get $score))
        (i64.store (i32.add (local.get $parts) (i32.mul (local.get $i) (i32.const 8)))
          (i64.add (local.get $score) (i64.extend_i32_u (i32.eq (i32.const $BEHAVIOUR) (i32.const 2)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (if (i32.and (i32.eq (i32.const $BEHAVIOUR) (i32.const 1)) (i32.gt_u (local.get $n) (i32.const 0)))
      (then (local.set $n (i32.sub (local.get $n) (i32.const 1)))))
    (i32.store (i32.const 16) (local.get $order))
    (i32.store (i32.const 20) (local.get $n))
    (i32.store (i32.const 24) (local.get $scores))
    (i32.store (i32.const 28) (local.get $n))
    (i32.store (i32.const 32) (local.get $parts))
    (i32.store (i32.const 36) (local.get $n))
    (i32.store (i32.const 40) (i32.const 0))
    (i32.store (i32.const 44) (i32.const 0))
    (i32.const 16))
)
