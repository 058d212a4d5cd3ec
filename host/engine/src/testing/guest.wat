;; A validator that knows every trick by number. See ../testing.rs.
;;
;; Layouts (canonical ABI):
;;   candidate  96 bytes: type name at 8, time at 24, body at 80, supplied at 88
;;   verdict    20 bytes: case at 0; list or reason at 4
;;   entry      24 bytes: name at 0; case of the value at 8, value at 16
;;   draft      28 bytes; answer of `prepare` 32 bytes: case at 0, draft at 4
(module
  ;; IMPORTS
  (memory (export "memory") 2)
  (table 4 funcref)
  (type $void (func))
  (global $heap (mut i32) (i32.const 65536))
  (global $calls (mut i32) (i32.const 0))

  (data (i32.const 1024) "test:guest")          ;; 10
  (data (i32.const 1040) "0.1.0")               ;; 5
  (data (i32.const 1056) "A guest for tests.")  ;; 18
  (data (i32.const 1088) "no-good")             ;; 7
  (data (i32.const 1104) "no good")             ;; 7
  (data (i32.const 1120) "tag")                 ;; 3
  (data (i32.const 1136) "size")                ;; 4
  (data (i32.const 1152) "bafyneeded")          ;; 10
  (data (i32.const 1168) "no such thing: the config") ;; 25
  (data (i32.const 1200) "saw-refusal")         ;; 11
  (data (i32.const 1216) "\ff\fe\fd")           ;; 3, no UTF-8
  (data (i32.const 1232) "{}")                  ;; 2
  (data (i32.const 1248) "other")               ;; 5
  ;; The two declared indexes: name, kind, about.
  (data (i32.const 1280) "\60\04\00\00\03\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1300) "\70\04\00\00\04\00\00\00\01\00\00\00\00\00\00\00\00\00\00\00")
  ;; The documents that `configure` asks for, and lists of two of them and of one. They lie
  ;; behind the zeros that a list of 17 indexes runs into.
  (data (i32.const 1712) "a.json")              ;; 6
  (data (i32.const 1728) "b/c.json")            ;; 8
  (data (i32.const 1744) "../etc")              ;; 6
  (data (i32.const 1760) "d.json")              ;; 6
  (data (i32.const 1776) "\c0\06\00\00\08\00\00\00\e0\06\00\00\06\00\00\00")
  (data (i32.const 1792) "\d0\06\00\00\06\00\00\00")

  ;; A third index, and the states of a workflow.
  (data (i32.const 1320) "\30\07\00\00\05\00\00\00\00\00\00\00\00\00\00\00\00\00\00\00")
  (data (i32.const 1808) "\40\07\00\00\04\00\00\00\50\07\00\00\04\00\00\00")
  (data (i32.const 1840) "state")               ;; 5
  (data (i32.const 1856) "open")                ;; 4
  (data (i32.const 1872) "done")                ;; 4

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
    (i32.store (i32.const 20) (select (i32.const 4) (i32.const 10) (i32.eq (i32.const $BEHAVIOUR) (i32.const 105))))
    (i32.store (i32.const 24) (i32.const 1040))
    (i32.store (i32.const 28) (i32.const 5))
    (i32.store (i32.const 32) (i32.const 1056))
    (i32.store (i32.const 36) (i32.const 18))
    (i32.const 16))

  ;; `incomplete`: beside `a.json`, `n` documents whose paths are listed at `at`.
  (func $lack (param $at i32) (param $n i32)
    (i32.store (i32.const 16) (i32.const 1))
    (i32.store (i32.const 20) (i32.const 1))
    (i32.store (i32.const 24) (i32.const 1712))
    (i32.store (i32.const 28) (i32.const 6))
    (i32.store (i32.const 32) (local.get $at))
    (i32.store (i32.const 36) (local.get $n)))

  (func (export "atlas:types/module@0.1.0#configure") (param i32 i32) (result i32)
    (i32.store (i32.const 16) (i32.const 0))
    (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 101)) (then
      (i32.store (i32.const 16) (i32.const 1))
      (i32.store (i32.const 20) (i32.const 0))
      (i32.store (i32.const 24) (i32.const 1168))
      (i32.store (i32.const 28) (i32.const 25))))
    (if (i32.and (i32.eq (i32.const $BEHAVIOUR) (i32.const 110)) (i32.lt_u (local.get 1) (i32.const 3))) (then
      (call $lack (i32.const 1776) (i32.const 2))))
    (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 111)) (then (call $lack (i32.const 1792) (i32.const 1))))
    (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 102)) (then unreachable))
    (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 103)) (then (loop (br 0))))
    (i32.const 16))

  (func (export "atlas:validator/validation@0.1.0#rules") (result i32)
    (memory.fill (i32.const 16) (i32.const 0) (i32.const 84))
    (i32.store (i32.const 32) (i32.const 1280))
    (i32.store (i32.const 36) (select (i32.const 17) (i32.const 2) (i32.eq (i32.const $BEHAVIOUR) (i32.const 104))))
    (if (i32.eq (i32.const $BEHAVIOUR) (i32.const 106)) (then
      (i32.store (i32.const 36) (i32.const 3))
      (i32.store8 (i32.const 48) (i32.const 1))
      (i32.store (i32.const 52) (i32.const 1808))
      (i32.store (i32.const 56) (i32.const 2))))
    (i32.store (i32.const 92) (i32.const 1232))
    (i32.store (i32.const 96) (i32.const 2))
    (i32.const 16))

  ;; Hands drafts back as they are.
  (func (export "atlas:validator/validation@0.1.0#prepare") (param $in i32) (param $n i32) (result i32)
    (local $out i32) (local $i i32)
    (local.set $out (call $alloc (i32.mul (local.get $n) (i32.const 32))))
    (i32.store (i32.const 16) (local.get $out))
    (i32.store (i32.const 20) (local.get $n))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (i32.store (local.get $out) (i32.const 0))
        (memory.copy (i32.add (local.get $out) (i32.const 4)) (local.get $in) (i32.const 28))
        (local.set $out (i32.add (local.get $out) (i32.const 32)))
        (local.set $in (i32.add (local.get $in) (i32.const 28)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.const 16))

  (func (export "cabi_post_atlas:validator/validation@0.1.0#validate") (param i32)
    (global.set $heap (i32.const 65536)))

  (func $recurse (param i32) (result i32)
    (i32.add (call $recurse (i32.add (local.get 0) (i32.const 1))) (i32.const 1)))

  (func $burn (param $rounds i64)
    (block $done
      (loop $next
        (br_if $done (i64.eqz (local.get $rounds)))
        (local.set $rounds (i64.sub (local.get $rounds) (i64.const 1)))
        (br $next))))

  (func $reason (param $v i32) (param $code i32) (param $codelen i32) (param $text i32) (param $textlen i32)
    (i32.store (local.get $v) (i32.const 1))
    (i32.store offset=4 (local.get $v) (local.get $code))
    (i32.store offset=8 (local.get $v) (local.get $codelen))
    (i32.store offset=12 (local.get $v) (local.get $text))
    (i32.store offset=16 (local.get $v) (local.get $textlen)))

  (func $no (param $v i32)
    (call $reason (local.get $v) (i32.const 1088) (i32.const 7) (i32.const 1104) (i32.const 7)))

  ;; One text entry at `at`.
  (func $text_entry (param $at i32) (param $name i32) (param $namelen i32) (param $text i32) (param $textlen i32)
    (i32.store (local.get $at) (local.get $name))
    (i32.store offset=4 (local.get $at) (local.get $namelen))
    (i32.store offset=8 (local.get $at) (i32.const 0))
    (i32.store offset=16 (local.get $at) (local.get $text))
    (i32.store offset=20 (local.get $at) (local.get $textlen)))

  (func $integer_entry (param $at i32) (param $name i32) (param $namelen i32) (param $value i64)
    (i32.store (local.get $at) (local.get $name))
    (i32.store offset=4 (local.get $at) (local.get $namelen))
    (i32.store offset=8 (local.get $at) (i32.const 1))
    (i64.store offset=16 (local.get $at) (local.get $value)))

  (func $list (param $v i32) (param $case i32) (param $at i32) (param $n i32)
    (i32.store (local.get $v) (local.get $case))
    (i32.store offset=4 (local.get $v) (local.get $at))
    (i32.store offset=8 (local.get $v) (local.get $n)))

  ;; Does trick `t` with candidate `c`, number `i` of its batch; the verdict goes to `v`,
  ;; where `valid` stands already.
  (func $judge (param $t i32) (param $c i32) (param $v i32) (param $i i32)
    (local $at i32) (local $n i32)
    (if (i32.eq (local.get $t) (i32.const 1)) (then (call $no (local.get $v))))
    (if (i32.eq (local.get $t) (i32.const 2)) (then
      (local.set $at (call $alloc (i32.const 48)))
      (call $text_entry (local.get $at) (i32.const 1120) (i32.const 3)
        (i32.load offset=8 (local.get $c)) (i32.load offset=12 (local.get $c)))
      (call $integer_entry (i32.add (local.get $at) (i32.const 24)) (i32.const 1136) (i32.const 4)
        (i64.load offset=24 (local.get $c)))
      (call $list (local.get $v) (i32.const 0) (local.get $at) (i32.const 2))))
    ;; In `{"state": "open"}` the state begins at byte 8.
    (if (i32.eq (local.get $t) (i32.const 106)) (then
      (local.set $at (call $alloc (i32.const 24)))
      (call $text_entry (local.get $at) (i32.const 1840) (i32.const 5)
        (i32.add (i32.load offset=80 (local.get $c)) (i32.const 8)) (i32.const 4))
      (call $list (local.get $v) (i32.const 0) (local.get $at) (i32.const 1))))
    (if (i32.or (i32.eq (local.get $t) (i32.const 29))
                (i32.and (i32.eq (local.get $t) (i32.const 3)) (i32.eqz (i32.load offset=92 (local.get $c))))) (then
      (local.set $at (call $alloc (i32.const 8)))
      (i32.store (local.get $at) (i32.const 1152))
      (i32.store offset=4 (local.get $at) (i32.const 10))
      (call $list (local.get $v) (i32.const 2) (local.get $at) (i32.const 1))))
    (if (i32.eq (local.get $t) (i32.const 4)) (then (loop (br 0))))
    (if (i32.eq (local.get $t) (i32.const 5)) (then (loop (drop (memory.grow (i32.const 1))) (br 0))))
    (if (i32.eq (local.get $t) (i32.const 6)) (then
      (drop (memory.grow (i32.const 200)))
      (call $reason (local.get $v) (i32.const 1200) (i32.const 11) (i32.const 1104) (i32.const 7))))
    (if (i32.eq (local.get $t) (i32.const 7)) (then
      (drop (memory.grow (i32.const 65536)))
      (call $reason (local.get $v) (i32.const 1200) (i32.const 11) (i32.const 1104) (i32.const 7))))
    (if (i32.eq (local.get $t) (i32.const 8)) (then unreachable))
    (if (i32.eq (local.get $t) (i32.const 9)) (then
      (i32.store (i32.const 0) (i32.div_u (local.get $c) (i32.load (i32.const 0))))))
    (if (i32.eq (local.get $t) (i32.const 10)) (then
      (i32.store (i32.const 0) (i32.load (i32.const 0xfffffff0)))))
    (if (i32.eq (local.get $t) (i32.const 11)) (then (drop (call $recurse (i32.const 0)))))
    (if (i32.eq (local.get $t) (i32.const 12)) (then
      (call $list (local.get $v) (i32.const 0) (i32.const 0xfffffff0) (i32.const 4))))
    (if (i32.eq (local.get $t) (i32.const 15)) (then
      (call $reason (local.get $v) (i32.const 1088) (i32.const 7) (i32.const 1216) (i32.const 3))))
    (if (i32.eq (local.get $t) (i32.const 16)) (then (i32.store (local.get $v) (i32.const 9))))
    (if (i32.eq (local.get $t) (i32.const 18)) (then
      (local.set $at (call $alloc (i32.const 24)))
      (call $text_entry (local.get $at) (i32.const 1248) (i32.const 5) (i32.const 1248) (i32.const 5))
      (call $list (local.get $v) (i32.const 0) (local.get $at) (i32.const 1))))
    (if (i32.eq (local.get $t) (i32.const 19)) (then
      (local.set $at (call $alloc (i32.const 24)))
      (call $integer_entry (local.get $at) (i32.const 1120) (i32.const 3) (i64.const 7))
      (call $list (local.get $v) (i32.const 0) (local.get $at) (i32.const 1))))
    (if (i32.eq (local.get $t) (i32.const 20)) (then
      (local.set $at (call $alloc (i32.const 1560)))
      (call $list (local.get $v) (i32.const 0) (local.get $at) (i32.const 65))
      (loop $more
        (call $text_entry (local.get $at) (i32.const 1120) (i32.const 3) (i32.const 1248) (i32.const 5))
        (local.set $at (i32.add (local.get $at) (i32.const 24)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 65))))))
    (if (i32.eq (local.get $t) (i32.const 21)) (then
      (local.set $at (call $alloc (i32.const 2000)))
      (memory.fill (local.get $at) (i32.const 120) (i32.const 2000))
      (call $reason (local.get $v) (i32.const 1088) (i32.const 7) (local.get $at) (i32.const 2000))))
    (if (i32.eq (local.get $t) (i32.const 22)) (then
      (if (i32.gt_u (global.get $calls) (i32.const 1)) (then (call $no (local.get $v))))))
    (if (i32.eq (local.get $t) (i32.const 23)) (then
      (if (local.get $i) (then (call $no (local.get $v))))))
    (if (i32.eq (local.get $t) (i32.const 24)) (then (call $burn (i64.load offset=24 (local.get $c)))))
    (if (i32.eq (local.get $t) (i32.const 25)) (then (call_indirect (type $void) (i32.const 0))))
    (if (i32.eq (local.get $t) (i32.const 26)) (then
      (i32.store (i32.const 0) (i32.trunc_f32_s (f32.const nan)))))
    (if (i32.eq (local.get $t) (i32.const 27)) (then
      (if (i32.gt_u (global.get $calls) (i32.const 1)) (then (call $burn (i64.const 1000))))))
    (if (i32.eq (local.get $t) (i32.const 28)) (then
      (local.set $at (call $alloc (i32.const 136)))
      (call $list (local.get $v) (i32.const 2) (local.get $at) (i32.const 17))
      (loop $more
        (i32.store (local.get $at) (i32.const 1152))
        (i32.store offset=4 (local.get $at) (i32.const 10))
        (local.set $at (i32.add (local.get $at) (i32.const 8)))
        (local.set $n (i32.add (local.get $n) (i32.const 1)))
        (br_if $more (i32.lt_u (local.get $n) (i32.const 17)))))))

  (func (export "atlas:validator/validation@0.1.0#validate") (param $in i32) (param $n i32) (result i32)
    (local $out i32) (local $v i32) (local $i i32) (local $t i32) (local $odd i32)
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (i32.store (i32.const 0) (i32.const 0))
    (local.set $out (call $alloc (i32.mul (local.get $n) (i32.const 20))))
    (memory.fill (local.get $out) (i32.const 0) (i32.mul (local.get $n) (i32.const 20)))
    (local.set $v (local.get $out))
    (block $done
      (loop $next
        (br_if $done (i32.ge_u (local.get $i) (local.get $n)))
        (local.set $t (i32.const $BEHAVIOUR))
        (if (i32.eq (local.get $t) (i32.const 100)) (then
          (local.set $t (i32.const 0))
          (if (i32.load offset=84 (local.get $in)) (then
            (local.set $t (i32.load8_u (i32.load offset=80 (local.get $in))))))))
        (call $judge (local.get $t) (local.get $in) (local.get $v) (local.get $i))
        ;; Tricks with the whole answer are played at the end.
        (if (i32.or (i32.or (i32.eq (local.get $t) (i32.const 13)) (i32.eq (local.get $t) (i32.const 14)))
                    (i32.eq (local.get $t) (i32.const 17)))
          (then (local.set $odd (local.get $t))))
        (local.set $in (i32.add (local.get $in) (i32.const 96)))
        (local.set $v (i32.add (local.get $v) (i32.const 20)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 16) (local.get $out))
    (i32.store (i32.const 20) (local.get $n))
    (if (i32.eq (local.get $odd) (i32.const 14)) (then (i32.store (i32.const 20) (i32.const 0xfffffff0))))
    (if (i32.eq (local.get $odd) (i32.const 17)) (then
      (i32.store (i32.const 20) (i32.sub (local.get $n) (i32.const 1)))))
    (if (i32.eq (local.get $odd) (i32.const 13)) (then (return (i32.const 0x7fffff00))))
    (i32.const 16))
)
