//! The stub as a program: a core module with one function for each that is imported, made a
//! component that exports the same interfaces.
//!
//! Most functions only point at their answer, which lies in memory as constant bytes. Memory
//! is, from below: the answers, then a *pair* (pointer, length) for lists that depend on the
//! call, then the *heap*. The heap is one place, not many: whoever calls brings arguments that
//! nobody reads, and takes a list before the next call comes, so every allocation is the same
//! one and nothing is left over from call to call.

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataSection, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    ImportSection, InstructionSink, MemArg, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::abi::{AbiVariant, WasmType};
use wit_parser::{
    Handle, LiftLowerAbi, ManglingAndAbi, Resolve, ResourceIntrinsic, Type, TypeDefKind, TypeId, WasmExport,
    WasmExportKind, WasmImport, World, WorldId, WorldItem, WorldKey,
};

use super::Import;
use super::answers::{Answer, SEED, answer};
use super::image::Painter;
use crate::error::RegistryError;

const ABI: ManglingAndAbi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
/// Answers start here: nothing lies at the null pointer.
const ANSWERS: u32 = 16;
const PAGE: u32 = 64 << 10;
/// Most bytes or items of one list. No runtime asks for as much at once.
const MOST: u32 = 16 << 20;

/// The stub that exports these imports of a world.
pub(super) fn make(resolve: &Resolve, world: WorldId, imports: &[Import]) -> Result<Vec<u8>, RegistryError> {
    let mut resolve = resolve.clone();
    let package = resolve.worlds[world].package;
    let stub = resolve.worlds.alloc(World {
        name: "wasi-stub".to_owned(),
        imports: Default::default(),
        exports: imports.iter().map(|import| (import.key.clone(), import.item.clone())).collect(),
        package,
        docs: Default::default(),
        stability: Default::default(),
        includes: Vec::new(),
        span: Default::default(),
    });
    if let Some(package) = package {
        resolve.packages[package].worlds.insert("wasi-stub".to_owned(), stub);
    }
    let fail = |error| RegistryError::Component(format!("the WASI stub cannot be made: {error:#}"));
    let mut core = Program::new(&resolve).write(imports);
    wit_component::embed_component_metadata(&mut core, &resolve, stub, StringEncoding::UTF8).map_err(fail)?;
    let mut encoder = ComponentEncoder::default();
    encoder.module(&core).map_err(fail)?.validate(false).encode().map_err(fail)
}

/// A core module being written.
struct Program<'a> {
    resolve: &'a Resolve,
    painter: Painter<'a>,
    types: TypeSection,
    imports: ImportSection,
    functions: FunctionSection,
    exports: ExportSection,
    /// Functions so far, imports first.
    count: u32,
    /// The answers, from [`ANSWERS`] on.
    answers: Vec<u8>,
    bodies: Vec<Body>,
}

/// What a function does. Written out last, when it is known where everything lies.
enum Body {
    Nothing,
    Trap,
    /// Loads a value of this type and size from the answers.
    Value {
        ty: ValType,
        bytes: usize,
        at: u32,
    },
    /// Points at an answer.
    Point {
        at: u32,
    },
    /// A new resource, through the imported function.
    New {
        function: u32,
    },
    /// A list of as many bytes as the first parameter says.
    Bytes,
    /// A list of the numbers below the second parameter.
    Count,
    /// The allocator.
    Realloc,
}

impl<'a> Program<'a> {
    fn new(resolve: &'a Resolve) -> Self {
        Self {
            resolve,
            painter: Painter::new(resolve),
            types: TypeSection::new(),
            imports: ImportSection::new(),
            functions: FunctionSection::new(),
            exports: ExportSection::new(),
            count: 0,
            answers: Vec::new(),
            bodies: Vec::new(),
        }
    }

    fn write(mut self, imports: &[Import]) -> Vec<u8> {
        let interfaces: Vec<_> = imports
            .iter()
            .filter_map(|import| match &import.item {
                WorldItem::Interface { id, .. } => Some((&import.key, *id)),
                _ => None,
            })
            .collect();
        // Imports come first: one for each resource, which makes handles.
        let mut makers = Vec::new();
        for (key, id) in &interfaces {
            for (_, resource) in &self.resolve.interfaces[*id].types {
                if matches!(self.resolve.types[*resource].kind, TypeDefKind::Resource) {
                    makers.push((*resource, self.import_maker(key, *resource)));
                }
            }
        }
        for (key, id) in &interfaces {
            let interface = &self.resolve.interfaces[*id];
            let package = interface.package.map_or("", |package| &self.resolve.packages[package].name.name);
            let name = interface.name.as_deref().unwrap_or_default();
            for function in interface.functions.values() {
                let signature = self.resolve.wasm_signature(AbiVariant::GuestExport, function);
                let body = self.body(
                    function,
                    &signature.results,
                    signature.retptr,
                    answer(package, name, &function.name),
                    &makers,
                );
                let export = WasmExport::Func { interface: Some(key), func: function, kind: WasmExportKind::Normal };
                let export = self.resolve.wasm_export_name(ABI, export);
                self.define(&export, &signature.params, &signature.results, body);
            }
        }
        let realloc = self.resolve.wasm_export_name(ABI, WasmExport::Realloc);
        self.define(&realloc, &[WasmType::I32; 4], &[WasmType::I32], Body::Realloc);
        self.finish()
    }

    /// Imports the function that makes handles of a resource.
    fn import_maker(&mut self, key: &WorldKey, resource: TypeId) -> u32 {
        let intrinsic = ResourceIntrinsic::ExportedNew;
        let import = WasmImport::ResourceIntrinsic { interface: Some(key), resource, intrinsic };
        let (module, name) = self.resolve.wasm_import_name(ABI, import);
        let ty = self.types.len();
        self.types.ty().function([ValType::I32], [ValType::I32]);
        self.imports.import(&module, &name, EntityType::Function(ty));
        self.count += 1;
        self.count - 1
    }

    fn define(&mut self, name: &str, params: &[WasmType], results: &[WasmType], body: Body) {
        let ty = self.types.len();
        self.types.ty().function(params.iter().map(value_type), results.iter().map(value_type));
        self.functions.function(ty);
        self.exports.export(name, ExportKind::Func, self.count);
        self.count += 1;
        self.bodies.push(body);
    }

    fn body(
        &mut self,
        function: &wit_parser::Function,
        results: &[WasmType],
        points: bool,
        answer: Answer,
        makers: &[(TypeId, u32)],
    ) -> Body {
        match (answer, &function.result) {
            (Answer::Trap, _) => Body::Trap,
            (Answer::Bytes, Some(_)) => Body::Bytes,
            (Answer::AllReady, Some(_)) => Body::Count,
            (_, None) => Body::Nothing,
            (_, Some(result)) => {
                if let Some(resource) = self.owned(result) {
                    let maker = makers.iter().find(|(of, _)| *of == resource);
                    return maker.map_or(Body::Trap, |(_, function)| Body::New { function: *function });
                }
                let Some(image) = self.painter.image(result, answer) else { return Body::Trap };
                // Eight bytes are the widest that anything wants to be aligned to.
                self.answers.resize(self.answers.len().next_multiple_of(8), 0);
                let at = ANSWERS + self.answers.len() as u32;
                self.answers.extend_from_slice(&image);
                match results {
                    [] => Body::Nothing,
                    _ if points => Body::Point { at },
                    [ty, ..] => Body::Value { ty: value_type(ty), bytes: image.len(), at },
                }
            }
        }
    }

    /// The resource whose handle a type is.
    fn owned(&self, ty: &Type) -> Option<TypeId> {
        let Type::Id(id) = ty else { return None };
        match &self.resolve.types[*id].kind {
            TypeDefKind::Type(other) => self.owned(other),
            TypeDefKind::Handle(Handle::Own(resource)) => Some(self.origin(*resource)),
            _ => None,
        }
    }

    /// A resource under its first name.
    fn origin(&self, id: TypeId) -> TypeId {
        match &self.resolve.types[id].kind {
            TypeDefKind::Type(Type::Id(other)) => self.origin(*other),
            _ => id,
        }
    }

    fn finish(mut self) -> Vec<u8> {
        let pair = (ANSWERS + self.answers.len() as u32).next_multiple_of(8);
        let layout = Layout { pair, heap: pair + 8, room: self.count };
        // One function more that no one sees: makes sure that the heap has so many bytes.
        let ty = self.types.len();
        self.types.ty().function([ValType::I32], []);
        self.functions.function(ty);
        let mut code = CodeSection::new();
        for body in &self.bodies {
            code.function(&layout.function(body));
        }
        code.function(&layout.make_room());

        let mut memories = MemorySection::new();
        let pages = u64::from(layout.heap / PAGE + 1);
        memories.memory(MemoryType {
            minimum: pages,
            maximum: None,
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        self.exports.export(&self.resolve.wasm_export_name(ABI, WasmExport::Memory), ExportKind::Memory, 0);
        let mut data = DataSection::new();
        data.active(0, &ConstExpr::i32_const(ANSWERS as i32), self.answers.iter().copied());
        let mut module = Module::new();
        module.section(&self.types).section(&self.imports).section(&self.functions).section(&memories);
        module.section(&self.exports).section(&code).section(&data);
        module.finish()
    }
}

fn value_type(ty: &WasmType) -> ValType {
    match ty {
        WasmType::I32 | WasmType::Pointer | WasmType::Length => ValType::I32,
        WasmType::I64 | WasmType::PointerOrI64 => ValType::I64,
        WasmType::F32 => ValType::F32,
        WasmType::F64 => ValType::F64,
    }
}

/// Where things lie, and which function makes room.
struct Layout {
    pair: u32,
    heap: u32,
    room: u32,
}

impl Layout {
    fn function(&self, body: &Body) -> Function {
        // A counter and a state, for the two that loop.
        let mut function = Function::new([(2, ValType::I32)]);
        let mut code = function.instructions();
        match body {
            Body::Nothing => {}
            Body::Trap => {
                code.unreachable();
            }
            Body::Value { ty, bytes, at } => {
                let from = MemArg { offset: u64::from(*at), align: 0, memory_index: 0 };
                code.i32_const(0);
                match (ty, bytes) {
                    (ValType::I64, _) => code.i64_load(from),
                    (ValType::F32, _) => code.f32_load(from),
                    (ValType::F64, _) => code.f64_load(from),
                    (_, 1) => code.i32_load8_u(from),
                    (_, 2) => code.i32_load16_u(from),
                    (_, _) => code.i32_load(from),
                };
            }
            Body::Point { at } => {
                code.i32_const(*at as i32);
            }
            Body::New { function } => {
                code.i32_const(0).call(*function);
            }
            Body::Bytes => self.bytes(&mut code),
            Body::Count => self.numbers(&mut code),
            Body::Realloc => {
                code.local_get(3).call(self.room).i32_const(self.heap as i32);
            }
        }
        code.end();
        function
    }

    /// `(length: i64) -> pair`: local 1 counts, local 2 is the state of the generator (Numerical
    /// Recipes' linear congruence; its upper byte is given out).
    fn bytes(&self, code: &mut InstructionSink<'_>) {
        let at_heap = MemArg { offset: u64::from(self.heap), align: 0, memory_index: 0 };
        code.local_get(0).i64_const(i64::from(MOST)).i64_gt_u().if_(BlockType::Empty).unreachable().end();
        code.local_get(0).i32_wrap_i64().call(self.room);
        code.i32_const(SEED as u32 as i32).local_set(2);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(1).local_get(0).i32_wrap_i64().i32_ge_u().br_if(1);
        code.local_get(2).i32_const(1_664_525).i32_mul().i32_const(1_013_904_223).i32_add().local_set(2);
        code.local_get(1).local_get(2).i32_const(24).i32_shr_u().i32_store8(at_heap);
        code.local_get(1).i32_const(1).i32_add().local_set(1).br(0).end().end();
        self.give_list(code, 1);
    }

    /// `(pointer, length) -> pair`: local 2 counts.
    fn numbers(&self, code: &mut InstructionSink<'_>) {
        let at_heap = MemArg { offset: u64::from(self.heap), align: 0, memory_index: 0 };
        code.local_get(1).i32_const((MOST / 4) as i32).i32_gt_u().if_(BlockType::Empty).unreachable().end();
        code.local_get(1).i32_const(4).i32_mul().call(self.room);
        code.block(BlockType::Empty).loop_(BlockType::Empty);
        code.local_get(2).local_get(1).i32_ge_u().br_if(1);
        code.local_get(2).i32_const(4).i32_mul().local_get(2).i32_store(at_heap);
        code.local_get(2).i32_const(1).i32_add().local_set(2).br(0).end().end();
        self.give_list(code, 1);
    }

    /// The heap as a list whose length stands in a local.
    fn give_list(&self, code: &mut InstructionSink<'_>, length: u32) {
        let at = |offset: u32| MemArg { offset: u64::from(self.pair + offset), align: 0, memory_index: 0 };
        code.i32_const(0).i32_const(self.heap as i32).i32_store(at(0));
        code.i32_const(0).local_get(length).i32_store(at(4));
        code.i32_const(self.pair as i32);
    }

    /// `(bytes)`: grows memory until the heap has that many, or traps. Local 1: bytes missing.
    fn make_room(&self) -> Function {
        let mut function = Function::new([(1, ValType::I32)]);
        let mut code = function.instructions();
        code.local_get(0).i32_const(MOST as i32).i32_gt_u().if_(BlockType::Empty).unreachable().end();
        code.local_get(0).i32_const(self.heap as i32).i32_add();
        code.memory_size(0).i32_const(PAGE as i32).i32_mul().i32_sub().local_tee(1);
        code.i32_const(0).i32_gt_s().if_(BlockType::Empty);
        code.local_get(1).i32_const(PAGE as i32 - 1).i32_add().i32_const(16).i32_shr_u().memory_grow(0);
        code.i32_const(-1).i32_eq().if_(BlockType::Empty).unreachable().end();
        code.end().end();
        function
    }
}
