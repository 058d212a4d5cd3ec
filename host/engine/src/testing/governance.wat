;; A tally that breaks one promise by number. See roles.rs.
;;   0 decides by the last ballot   1 forgets a ballot   2 counts on from the tally before
(module
  ;; PRELUDE
  (global $ballots (mut i32) (i32.const 0))
  (global $last (mut i32) (i32.const 0))

  (func (export "atlas:governance/tallying@0.1.0#init")
    (param i32 i32 i32 i32 i32 i32 i64 i64 i64 i32 i32 i32 i32 i32)
    (if (i32.ne (i32.const $BEHAVIOUR) (i32.const 2)) (then (global.set $ballots (i32.const 0))))
    (global.set $last (i32.const 0)))

  (func (export "atlas:governance/tallying@0.1.0#fold")
    (param i32 i32 i32 i32 i32 i32) (param $voter i32) (param $n i32) (param i32 i32 i32 i32 i32 i32 i32 i32)
    (global.set $ballots (i32.add (global.get $ballots) (local.get $n)))
    (if (local.get $n) (then
      (global.set $last
        (i32.load (i32.add (local.get $voter) (i32.mul (i32.sub (local.get $n) (i32.const 1)) (i32.const 4))))))))

  (func (export "atlas:governance/tallying@0.1.0#finish") (result i32)
    (memory.fill (i32.const 16) (i32.const 0) (i32.const 48))
    ;; Accepted without options, or rejected.
    (i32.store8 (i32.const 16) (i32.const 1))
    (if (i32.and (i32.eq (i32.const $BEHAVIOUR) (i32.const 0)) (i32.and (global.get $last) (i32.const 1)))
      (then (i32.store8 (i32.const 16) (i32.const 0))))
    (i64.store (i32.const 48) (i64.extend_i32_u (global.get $ballots)))
    (if (i32.and (i32.eq (i32.const $BEHAVIOUR) (i32.const 1)) (i32.gt_u (global.get $ballots) (i32.const 0)))
      (then (i64.store (i32.const 48) (i64.extend_i32_u (i32.sub (global.get $ballots) (i32.const 1))))))
    (i32.const 16))
)
