//! The `pure` profile: the one runtime configuration under which verdicts are made.
//!
//! Every setting here is either part of what a verdict means (proposals, NaN, fuel), or
//! local and without influence on it (how memory is reserved). Which is which is said at
//! each, because the first kind may never change silently.

use wasmtime::{
    Config, Engine, InstanceAllocationStrategy, Memory, MemoryType, PoolingAllocationConfig, RegallocAlgorithm, Store,
    Strategy, WasmBacktraceDetails,
};

use crate::error::EngineError;
use crate::meter;

/// Most bytes of linear memory that a binding may grant.
pub const MAX_MEMORY: u64 = 1 << 30;
/// Most fuel that a binding may grant: some seconds of work.
pub const MAX_FUEL: u64 = 20_000_000_000;
/// Fuel for each of `instantiate`, `describe`, `configure` and `rules`: an allowance of
/// their own, part of what a verdict means.
pub const SETUP_FUEL: u64 = 2_000_000_000;
/// Most elements over all tables of an instance.
pub const MAX_TABLE_ELEMENTS: usize = 200_000;
/// Most core instances in a component, wherever they are nested.
pub const MAX_CORE_INSTANCES: usize = 64;
/// Most linear memories in a component.
pub const MAX_MEMORIES: usize = 16;
/// Most tables in a component.
pub const MAX_TABLES: usize = 32;
/// Bytes that one call may bring from a guest to the host. No legal answer comes near.
pub const MAX_ANSWER_BYTES: usize = 32 << 20;

/// Stack for guests. Running out is a host fault, because frames differ between machines;
/// it is ample, so that this happens to run-away recursion only.
const WASM_STACK: usize = 1 << 20;
/// Instances that any allocation must be able to hold at once.
const INSTANCES_AT_LEAST: usize = 64;
/// Instances alive at once under the pooling allocator.
const POOL_INSTANCES: u32 = 128;

/// Whether instances come from a pool that is reserved at start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pooling {
    /// A pool, if the machine lets us reserve its address space; otherwise on demand.
    #[default]
    Auto,
    /// Always on demand: a few times slower for fresh instances, and lean.
    Off,
}

/// How instances get their memory on this machine. Without influence on verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Allocation {
    /// From a pool: instantiation is some microseconds.
    Pooled,
    /// Reserved per instance.
    OnDemand,
    /// Reserved sparingly, where address space is short. Guests run slower.
    Frugal,
}

impl Allocation {
    /// A word for status displays.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pooled => "pooled",
            Self::OnDemand => "on demand",
            Self::Frugal => "frugal",
        }
    }
}

/// Starts the runtime with the best allocation that this machine allows.
pub(crate) fn start(pooling: Pooling) -> Result<(Engine, Allocation), EngineError> {
    let ladder = match pooling {
        Pooling::Auto => &[Allocation::Pooled, Allocation::OnDemand, Allocation::Frugal][..],
        Pooling::Off => &[Allocation::OnDemand, Allocation::Frugal][..],
    };
    let mut refusal = String::new();
    for &allocation in ladder {
        match Engine::new(&config(allocation)).and_then(|engine| probe(&engine).map(|()| engine)) {
            Ok(engine) => return Ok((engine, allocation)),
            Err(error) => {
                tracing::info!(allocation = allocation.name(), "this allocation does not work here: {error:#}");
                refusal = format!("{error:#}");
            }
        }
    }
    Err(EngineError::Runtime { text: refusal })
}

/// Reserving address space may be refused as late as the first memory, or the tenth.
fn probe(engine: &Engine) -> wasmtime::Result<()> {
    if engine.get_pooling_config().is_some() {
        return Ok(()); // A pool is reserved whole when it is made.
    }
    let mut store = Store::new(engine, ());
    for _ in 0..INSTANCES_AT_LEAST {
        Memory::new(&mut store, MemoryType::new(1, None))?;
    }
    Ok(())
}

fn config(allocation: Allocation) -> Config {
    let mut config = Config::new();
    semantics(&mut config);
    compilation(&mut config);
    memory(&mut config, allocation);
    config
}

/// What verdicts depend on.
fn semantics(config: &mut Config) {
    config
        .consume_fuel(true)
        .operator_cost(meter::operator_cost())
        .epoch_interruption(false)
        .cranelift_nan_canonicalization(true)
        .concurrency_support(false);
    // Accepted: what compilers of today emit, and what cannot tell machines apart. Several memories
    // are what the adapters between the parts of a composed component are made of; the allowance is
    // over all of them.
    config
        .wasm_bulk_memory(true)
        .wasm_component_model(true)
        .wasm_extended_const(true)
        .wasm_multi_memory(true)
        .wasm_multi_value(true)
        .wasm_simd(true)
        .wasm_tail_call(true);
    // Refused: what is not deterministic, what no guest needs yet, and what would widen
    // the trusted compiler for it. Threads, garbage collection with exceptions and typed
    // references, and component-model async are not even built into this runtime. Sign
    // extension, mutable globals, saturating and reference-type operators are in every
    // set and have no switch.
    config
        .wasm_shared_everything_threads(false)
        .shared_memory(false)
        .wasm_relaxed_simd(false)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .wasm_custom_page_sizes(false)
        .wasm_wide_arithmetic(false)
        .wasm_gc(false)
        .gc_support(false)
        .wasm_stack_switching(false)
        .wasm_branch_hinting(false)
        .wasm_component_model_error_context(false)
        .wasm_component_model_gc(false)
        .wasm_component_model_map(false)
        .wasm_component_model_memory64(false)
        .wasm_component_model_fixed_length_lists(false)
        .wasm_component_model_implements(false);
}

/// How code is made. No influence on verdicts.
fn compilation(config: &mut Config) {
    config
        .strategy(Strategy::Cranelift)
        .cranelift_regalloc_algorithm(RegallocAlgorithm::Backtracking)
        .parallel_compilation(false)
        // A hostile guest traps as often as it likes, so a trap must be cheap: nobody
        // reads its frames, and the kind of trap needs no address map.
        .wasm_backtrace_max_frames(None)
        // Where a guest's panic note is read from. Costs nothing until a trap.
        .coredump_on_trap(true)
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .generate_address_map(false)
        .native_unwind_info(false)
        .debug_symbols(false)
        .max_wasm_stack(WASM_STACK);
}

/// Where memory comes from. No influence on verdicts: the limiter's bounds are inside
/// these in every case.
fn memory(config: &mut Config, allocation: Allocation) {
    config.memory_init_cow(true).table_lazy_init(true);
    match allocation {
        Allocation::Pooled => {
            let mut pool = PoolingAllocationConfig::new();
            pool.total_component_instances(POOL_INSTANCES)
                .total_core_instances(POOL_INSTANCES * 4)
                .total_memories(POOL_INSTANCES * 2)
                .total_tables(POOL_INSTANCES * 2)
                .max_memory_size(MAX_MEMORY as usize)
                .table_elements(MAX_TABLE_ELEMENTS)
                .max_tables_per_module(MAX_TABLES as u32)
                .max_memories_per_module(1)
                .max_core_instance_size(16 << 20)
                .max_component_instance_size(64 << 20)
                .max_unused_warm_slots(16)
                // Small guests are cleared by writing zeros, which beats a system call.
                .linear_memory_keep_resident(128 << 10)
                .table_keep_resident(16 << 10);
            config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        }
        Allocation::OnDemand => {
            config.allocation_strategy(InstanceAllocationStrategy::OnDemand);
        }
        Allocation::Frugal => {
            config
                .allocation_strategy(InstanceAllocationStrategy::OnDemand)
                .memory_reservation(0)
                .memory_guard_size(64 << 10)
                .memory_reservation_for_growth(1 << 20);
        }
    }
}
