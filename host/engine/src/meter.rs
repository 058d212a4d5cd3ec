//! `meter/1`: what a unit of fuel buys, written out operator by operator.
//!
//! A constitution names its meter, and the fuel that a record uses decides verdicts, so
//! this table may never change: another schedule gets another name. It is written here
//! in full and does not lean on the runtime's defaults, which may change with it.
//!
//! One unit is about one simple machine operation. Work whose size is known only at run
//! time is charged by the byte, element or page on top of the flat cost. Each entry into
//! a function costs one unit more, which the runtime always charges.
//!
//! Fuel is checked at function entries, at loop heads and before bulk operations, and a
//! call that ends with nothing left has run out: a record may use `fuel - 1` units at most.

use wasmtime::{OperatorCost, VariableOperatorCost};

macro_rules! schedule {
    ($($cost:literal => [$($op:ident)*],)*) => {
        /// Flat costs of every operator that the `pure` profile accepts.
        pub const OPERATORS: &[(&str, u8)] = &[$($((stringify!($op), $cost),)*)*];

        /// The table as the runtime takes it.
        #[must_use]
        pub fn operator_cost() -> OperatorCost {
            // Operators that are not listed belong to proposals which the profile refuses.
            let mut table = OperatorCost::new();
            $($(table.$op = $cost;)*)*
            table.variable = variable();
            table
        }
    };
}

/// Costs of work whose size is known only at run time, on top of the flat cost.
///
/// A page costs what clearing it costs; `u8` bounds the entry, and the memory allowance
/// bounds the pages.
fn variable() -> VariableOperatorCost {
    let mut costs = VariableOperatorCost::new();
    costs.memory_copy_per_byte = 1;
    costs.memory_fill_per_byte = 1;
    costs.memory_init_per_byte = 1;
    costs.memory_grow_per_page = 250;
    costs.table_copy_per_element = 1;
    costs.table_fill_per_element = 1;
    costs.table_init_per_element = 1;
    costs.table_grow_per_element = 1;
    costs
}

schedule! {
    // Structure.
    0 => [
        Unreachable Nop Block Loop Else End Return Drop
    ],
    // Everything else: one simple machine operation.
    1 => [
        If Br BrIf Select LocalGet LocalSet LocalTee GlobalGet GlobalSet I32Load I64Load F32Load
        F64Load I32Load8S I32Load8U I32Load16S I32Load16U I64Load8S I64Load8U I64Load16S I64Load16U
        I64Load32S I64Load32U I32Store I64Store F32Store F64Store I32Store8 I32Store16 I64Store8
        I64Store16 I64Store32 MemorySize I32Const I64Const F32Const F64Const I32Eqz I32Eq I32Ne
        I32LtS I32LtU I32GtS I32GtU I32LeS I32LeU I32GeS I32GeU I64Eqz I64Eq I64Ne I64LtS I64LtU
        I64GtS I64GtU I64LeS I64LeU I64GeS I64GeU F32Eq F32Ne F32Lt F32Gt F32Le F32Ge F64Eq F64Ne
        F64Lt F64Gt F64Le F64Ge I32Clz I32Ctz I32Popcnt I32Add I32Sub I32Mul I32And I32Or I32Xor
        I32Shl I32ShrS I32ShrU I32Rotl I32Rotr I64Clz I64Ctz I64Popcnt I64Add I64Sub I64Mul I64And
        I64Or I64Xor I64Shl I64ShrS I64ShrU I64Rotl I64Rotr F32Abs F32Neg F32Copysign F64Abs F64Neg
        F64Copysign I32WrapI64 I64ExtendI32S I64ExtendI32U I32ReinterpretF32 I64ReinterpretF64
        F32ReinterpretI32 F64ReinterpretI64 I32Extend8S I32Extend16S I64Extend8S I64Extend16S
        I64Extend32S TypedSelect TypedSelectMulti RefNull RefIsNull RefFunc TableGet TableSet
        TableSize
    ],
    // Direct calls.
    2 => [
        Call ReturnCall
    ],
    // Other vector operations.
    2 => [
        V128Load V128Load8x8S V128Load8x8U V128Load16x4S V128Load16x4U V128Load32x2S V128Load32x2U
        V128Load8Splat V128Load16Splat V128Load32Splat V128Load64Splat V128Load32Zero V128Load64Zero
        V128Store V128Load8Lane V128Load16Lane V128Load32Lane V128Load64Lane V128Store8Lane
        V128Store16Lane V128Store32Lane V128Store64Lane V128Const I8x16Shuffle I8x16ExtractLaneS
        I8x16ExtractLaneU I8x16ReplaceLane I16x8ExtractLaneS I16x8ExtractLaneU I16x8ReplaceLane
        I32x4ExtractLane I32x4ReplaceLane I64x2ExtractLane I64x2ReplaceLane F32x4ExtractLane
        F32x4ReplaceLane F64x2ExtractLane F64x2ReplaceLane I8x16Swizzle I8x16Splat I16x8Splat
        I32x4Splat I64x2Splat F32x4Splat F64x2Splat I8x16Eq I8x16Ne I8x16LtS I8x16LtU I8x16GtS
        I8x16GtU I8x16LeS I8x16LeU I8x16GeS I8x16GeU I16x8Eq I16x8Ne I16x8LtS I16x8LtU I16x8GtS
        I16x8GtU I16x8LeS I16x8LeU I16x8GeS I16x8GeU I32x4Eq I32x4Ne I32x4LtS I32x4LtU I32x4GtS
        I32x4GtU I32x4LeS I32x4LeU I32x4GeS I32x4GeU I64x2Eq I64x2Ne I64x2LtS I64x2GtS I64x2LeS
        I64x2GeS F32x4Eq F32x4Ne F32x4Lt F32x4Gt F32x4Le F32x4Ge F64x2Eq F64x2Ne F64x2Lt F64x2Gt
        F64x2Le F64x2Ge V128Not V128And V128AndNot V128Or V128Xor V128Bitselect V128AnyTrue I8x16Abs
        I8x16Neg I8x16Popcnt I8x16AllTrue I8x16Bitmask I8x16NarrowI16x8S I8x16NarrowI16x8U I8x16Shl
        I8x16ShrS I8x16ShrU I8x16Add I8x16AddSatS I8x16AddSatU I8x16Sub I8x16SubSatS I8x16SubSatU
        I8x16MinS I8x16MinU I8x16MaxS I8x16MaxU I8x16AvgrU I16x8ExtAddPairwiseI8x16S
        I16x8ExtAddPairwiseI8x16U I16x8Abs I16x8Neg I16x8Q15MulrSatS I16x8AllTrue I16x8Bitmask
        I16x8NarrowI32x4S I16x8NarrowI32x4U I16x8ExtendLowI8x16S I16x8ExtendHighI8x16S
        I16x8ExtendLowI8x16U I16x8ExtendHighI8x16U I16x8Shl I16x8ShrS I16x8ShrU I16x8Add
        I16x8AddSatS I16x8AddSatU I16x8Sub I16x8SubSatS I16x8SubSatU I16x8Mul I16x8MinS I16x8MinU
        I16x8MaxS I16x8MaxU I16x8AvgrU I16x8ExtMulLowI8x16S I16x8ExtMulHighI8x16S
        I16x8ExtMulLowI8x16U I16x8ExtMulHighI8x16U I32x4ExtAddPairwiseI16x8S
        I32x4ExtAddPairwiseI16x8U I32x4Abs I32x4Neg I32x4AllTrue I32x4Bitmask I32x4ExtendLowI16x8S
        I32x4ExtendHighI16x8S I32x4ExtendLowI16x8U I32x4ExtendHighI16x8U I32x4Shl I32x4ShrS
        I32x4ShrU I32x4Add I32x4Sub I32x4Mul I32x4MinS I32x4MinU I32x4MaxS I32x4MaxU I32x4DotI16x8S
        I32x4ExtMulLowI16x8S I32x4ExtMulHighI16x8S I32x4ExtMulLowI16x8U I32x4ExtMulHighI16x8U
        I64x2Abs I64x2Neg I64x2AllTrue I64x2Bitmask I64x2ExtendLowI32x4S I64x2ExtendHighI32x4S
        I64x2ExtendLowI32x4U I64x2ExtendHighI32x4U I64x2Shl I64x2ShrS I64x2ShrU I64x2Add I64x2Sub
        I64x2Mul I64x2ExtMulLowI32x4S I64x2ExtMulHighI32x4S I64x2ExtMulLowI32x4U
        I64x2ExtMulHighI32x4U F32x4Abs F32x4Neg F32x4PMin F32x4PMax F64x2Abs F64x2Neg F64x2PMin
        F64x2PMax
    ],
    // Float arithmetic, with NaN made canonical, and conversions.
    3 => [
        F32Ceil F32Floor F32Trunc F32Nearest F32Add F32Sub F32Mul F32Min F32Max F64Ceil F64Floor
        F64Trunc F64Nearest F64Add F64Sub F64Mul F64Min F64Max I32TruncF32S I32TruncF32U
        I32TruncF64S I32TruncF64U I64TruncF32S I64TruncF32U I64TruncF64S I64TruncF64U F32ConvertI32S
        F32ConvertI32U F32ConvertI64S F32ConvertI64U F32DemoteF64 F64ConvertI32S F64ConvertI32U
        F64ConvertI64S F64ConvertI64U F64PromoteF32 I32TruncSatF32S I32TruncSatF32U I32TruncSatF64S
        I32TruncSatF64U I64TruncSatF32S I64TruncSatF32U I64TruncSatF64S I64TruncSatF64U
    ],
    // Table jumps.
    3 => [
        BrTable
    ],
    // Vector float arithmetic, with NaN made canonical.
    4 => [
        F32x4Ceil F32x4Floor F32x4Trunc F32x4Nearest F32x4Add F32x4Sub F32x4Mul F32x4Min F32x4Max
        F64x2Ceil F64x2Floor F64x2Trunc F64x2Nearest F64x2Add F64x2Sub F64x2Mul F64x2Min F64x2Max
        I32x4TruncSatF32x4S I32x4TruncSatF32x4U F32x4ConvertI32x4S F32x4ConvertI32x4U
        I32x4TruncSatF64x2SZero I32x4TruncSatF64x2UZero F64x2ConvertLowI32x4S F64x2ConvertLowI32x4U
        F32x4DemoteF64x2Zero F64x2PromoteLowF32x4
    ],
    // Indirect calls: a bounds check, a type check, a jump.
    5 => [
        CallIndirect ReturnCallIndirect
    ],
    // Bulk operations: a call into the host, before what is charged per byte or element.
    10 => [
        MemoryInit DataDrop MemoryCopy MemoryFill TableInit ElemDrop TableCopy TableFill
    ],
    // Float division and roots.
    10 => [
        F32Sqrt F32Div F64Sqrt F64Div
    ],
    // Integer division.
    10 => [
        I32DivS I32DivU I32RemS I32RemU I64DivS I64DivU I64RemS I64RemU
    ],
    // Vector float division and roots.
    20 => [
        F32x4Sqrt F32x4Div F64x2Sqrt F64x2Div
    ],
    // Growth: a call into the host, before what is charged per page or element.
    100 => [
        MemoryGrow TableGrow
    ],
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use wasmtime::{Instance, Module, Store};

    use super::*;
    use crate::profile::{self, Pooling};

    /// Fuel that the exported function `f` takes.
    fn fuel(wat: &str) -> u64 {
        let (engine, _) = profile::start(Pooling::Off).expect("the runtime starts");
        let wasm = wat::parse_str(wat).expect("the test is sound WAT");
        let module = Module::new(&engine, wasm).expect("the profile accepts it");
        let mut store = Store::new(&engine, ());
        store.set_fuel(1_000_000).expect("the profile consumes fuel");
        let instance = Instance::new(&mut store, &module, &[]).expect("it instantiates");
        let before = store.get_fuel().expect("the profile consumes fuel");
        let function = instance.get_typed_func::<(), ()>(&mut store, "f").expect("it exports f");
        function.call(&mut store, ()).expect("it runs");
        before - store.get_fuel().expect("the profile consumes fuel")
    }

    fn body(code: &str) -> u64 {
        fuel(&format!(
            r#"(module (memory 4) (table 4 funcref) (type $v (func)) (func $callee) (elem (i32.const 0) $callee)
                 (func (export "f") (local i32) {code}))"#
        ))
    }

    #[test]
    fn meter_1_charges_what_it_says_for_ever() {
        let golden = [
            ("", 1),
            ("nop", 1),
            ("i32.const 1 drop", 2),
            ("i32.const 1 i32.const 2 i32.add drop", 4),
            ("i64.const 9 i64.const 2 i64.div_u drop", 13),
            ("i32.const 9 i32.const 2 i32.rem_s drop", 13),
            ("f64.const 2 f64.const 2 f64.mul drop", 6),
            ("f64.const 2 f64.sqrt drop", 12),
            ("f64.const 2 i32.trunc_f64_s drop", 5),
            ("i32.const 0 i32.load drop", 3),
            ("v128.const i32x4 1 2 3 4 v128.not drop", 5),
            ("v128.const f32x4 1 2 3 4 v128.const f32x4 1 2 3 4 f32x4.div drop", 25),
            // Calls: 2 or 5, and 1 for entering the callee.
            ("call $callee", 4),
            ("i32.const 0 call_indirect (type $v)", 8),
            // Bulk: 10 and one per byte.
            ("i32.const 0 i32.const 0 i32.const 100 memory.fill", 114),
            ("i32.const 0 i32.const 50 i32.const 30 memory.copy", 44),
            // Growth: 100 and 250 per page.
            ("i32.const 2 memory.grow drop", 602),
            // A jump table: 3.
            ("(block (block i32.const 1 br_table 0 1))", 5),
            // Ten rounds of five units each.
            ("(loop local.get 0 i32.const 1 i32.add local.tee 0 i32.const 10 i32.lt_u br_if 0)", 1 + 10 * 7),
        ];
        for (code, cost) in golden {
            assert_eq!(body(code), cost, "fuel of `{code}`");
        }
    }

    #[test]
    fn the_table_is_the_one_that_was_named_meter_1() {
        let mut hasher = blake3::Hasher::new();
        let sorted: BTreeSet<_> = OPERATORS.iter().collect();
        assert_eq!(sorted.len(), OPERATORS.len(), "an operator is listed twice");
        for (name, cost) in sorted {
            hasher.update(name.as_bytes()).update(&[0, *cost]);
        }
        assert_eq!(
            hasher.finalize().to_hex().as_str(),
            "8793e0685df70c5d333189e5f71be592900dd9bb13128cf72ff2e966e5fb462d"
        );
    }

    #[test]
    fn every_operator_of_an_accepted_proposal_is_listed() {
        macro_rules! collect {
            ($(@$proposal:ident $op:ident $({ $($arg:ident: $argty:ty),* })? => $visit:ident ($($ann:tt)*))*) => {
                [$((stringify!($proposal), stringify!($op)),)*]
            };
        }
        const ACCEPTED: &[&str] = &[
            "mvp",
            "sign_extension",
            "saturating_float_to_int",
            "bulk_memory",
            "reference_types",
            "tail_call",
            "simd",
        ];
        let all = wasmparser::for_each_operator!(collect);
        let wanted: BTreeSet<_> =
            all.iter().filter(|(proposal, _)| ACCEPTED.contains(proposal)).map(|(_, op)| *op).collect();
        let listed: BTreeSet<_> = OPERATORS.iter().map(|(op, _)| *op).collect();
        assert_eq!(listed, wanted);
    }
}
