;; The Internet checksum's sum (RFC 1071) over an arena's memory, with SIMD.
;;
;; The sum does not care for byte order (RFC 1071 §2 B), so 16-bit words are added as the machine reads them, little-endian,
;; and the result is swapped once. `node packages/netbuf/scripts/compile.mjs` makes checksum.wasm.ts of this.
(module
  (import "arena" "memory" (memory 0))

  ;; One's complement sum of $length bytes from $at, in network order, folded to 16 bits. A lane takes 2^15 additions of
  ;; two words before it can overflow, so $length may be up to 1 MiB; a slot has 64.5 KiB.
  (func (export "sum") (param $at i32) (param $length i32) (result i32)
    (local $end i32) (local $even v128) (local $odd v128) (local $sum i64)

    ;; 64 bytes a turn, in two accumulators, so that an addition need not wait for the one before.
    (local.set $end (i32.add (local.get $at) (i32.and (local.get $length) (i32.const -64))))
    (block $blocks (loop $next
      (br_if $blocks (i32.ge_u (local.get $at) (local.get $end)))
      (local.set $even (i32x4.add (local.get $even) (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
      (local.set $odd (i32x4.add (local.get $odd) (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at)))))
      (local.set $even (i32x4.add (local.get $even) (i32x4.extadd_pairwise_i16x8_u (v128.load offset=32 align=1 (local.get $at)))))
      (local.set $odd (i32x4.add (local.get $odd) (i32x4.extadd_pairwise_i16x8_u (v128.load offset=48 align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 64)))
      (br $next)))

    ;; What is left, by the bits of its length: 32, 16, 8, 4, 2 and 1 bytes.
    (if (i32.and (local.get $length) (i32.const 32)) (then
      (local.set $even (i32x4.add (local.get $even) (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
      (local.set $odd (i32x4.add (local.get $odd) (i32x4.extadd_pairwise_i16x8_u (v128.load offset=16 align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 32)))))
    (if (i32.and (local.get $length) (i32.const 16)) (then
      (local.set $even (i32x4.add (local.get $even) (i32x4.extadd_pairwise_i16x8_u (v128.load align=1 (local.get $at)))))
      (local.set $at (i32.add (local.get $at) (i32.const 16)))))
    (if (i32.and (local.get $length) (i32.const 8)) (then
      (local.set $sum (i64.add (i64.load32_u align=1 (local.get $at)) (i64.load32_u offset=4 align=1 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 8)))))
    (if (i32.and (local.get $length) (i32.const 4)) (then
      (local.set $sum (i64.add (local.get $sum) (i64.load32_u align=1 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 4)))))
    (if (i32.and (local.get $length) (i32.const 2)) (then
      (local.set $sum (i64.add (local.get $sum) (i64.load16_u align=1 (local.get $at))))
      (local.set $at (i32.add (local.get $at) (i32.const 2)))))
    (if (i32.and (local.get $length) (i32.const 1)) (then
      (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $at))))))

    (local.set $even (i32x4.add (local.get $even) (local.get $odd)))
    (local.set $sum (i64.add (local.get $sum) (i64.add
      (i64.add (i64.extend_i32_u (i32x4.extract_lane 0 (local.get $even))) (i64.extend_i32_u (i32x4.extract_lane 1 (local.get $even))))
      (i64.add (i64.extend_i32_u (i32x4.extract_lane 2 (local.get $even))) (i64.extend_i32_u (i32x4.extract_lane 3 (local.get $even)))))))

    ;; Below 2^36 now: three times end-around carry leave 16 bits.
    (local.set $sum (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))
    (local.set $sum (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))
    (local.set $sum (i64.add (i64.and (local.get $sum) (i64.const 0xffff)) (i64.shr_u (local.get $sum) (i64.const 16))))
    (i32.wrap_i64 (i64.or (i64.shl (i64.and (local.get $sum) (i64.const 0xff)) (i64.const 8)) (i64.shr_u (local.get $sum) (i64.const 8))))))
