;; An economy module that breaks one promise by number. See roles.rs.
;;   0 serves by the place in the question   1 serves some not at all
(module
  ;; PRELUDE
  (func (export "atlas:economy/balancing@0.1.0#weigh") (param $in i32) (result i32)
    ;; The question: the time, eight columns of peers from 8 on, six of items from 72 on.
    (local $peers i32) (local $items i32) (local $service i32) (local $retention i32) (local $replicas i32) (local $i i32)
    (local.set $peers (i32.load offset=12 (local.get $in)))
    (local.set $items (i32.load offset=76 (local.get $in)))
    (local.set $service (call $alloc (i32.mul (local.get $peers) (i32.const 4))))
    (local.set $retention (call $alloc (i32.mul (local.get $items) (i32.const 8))))
    (local.set $replicas (call $alloc (i32.mul (local.get $items) (i32.const 4))))
    (memory.fill (local.get $retention) (i32.const 0) (i32.mul (local.get $items) (i32.const 8)))
    (memory.fill (local.get $replicas) (i32.const 0) (i32.mul (local.get $items) (i32.const 4)))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $peers)))
        (i32.store (i32.add (local.get $service) (i32.mul (local.get $i) (i32.const 4)))
          (select (i32.const 0) (i32.add (local.get $i) (i32.const 1)) (i32.const $BEHAVIOUR)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 16) (local.get $service))
    (i32.store (i32.const 20) (local.get $peers))
    (i32.store (i32.const 24) (local.get $retention))
    (i32.store (i32.const 28) (local.get $items))
    (i32.store (i32.const 32) (local.get $replicas))
    (i32.store (i32.const 36) (local.get $items))
    (i32.const 16))
)
