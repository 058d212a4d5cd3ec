//! An answer as bytes: a value of a WIT type, laid out as the canonical ABI has it in memory.

use wit_parser::{Resolve, SizeAlign, Type, TypeDefKind};

use super::answers::Answer;

/// Names of error cases that say "there is no such thing here".
const UNSUPPORTED: [&str; 3] = ["unsupported", "not-supported", "no-entry"];

/// Lays out values of the types of one `Resolve`.
pub(super) struct Painter<'a> {
    resolve: &'a Resolve,
    sizes: SizeAlign,
}

impl<'a> Painter<'a> {
    pub(super) fn new(resolve: &'a Resolve) -> Self {
        let mut sizes = SizeAlign::default();
        sizes.fill(resolve);
        Self { resolve, sizes }
    }

    /// The bytes of an answer. `None` if it would need a handle inside of it, which only a
    /// running program can make.
    pub(super) fn image(&self, ty: &Type, answer: Answer) -> Option<Vec<u8>> {
        let mut image = vec![0; self.size(ty)];
        self.paint(ty, answer, 0, &mut image).then_some(image)
    }

    /// Bytes of a type's values.
    pub(super) fn size(&self, ty: &Type) -> usize {
        self.sizes.size(ty).size_wasm32()
    }

    /// Writes a value at an offset; says whether there is one. Zeros stand there already.
    fn paint(&self, ty: &Type, answer: Answer, at: usize, image: &mut [u8]) -> bool {
        let number = match answer {
            Answer::Number(number) => number,
            _ => 0,
        };
        let mut put = |value: u64, bytes: usize| {
            image[at..at + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
            true
        };
        match ty {
            Type::Bool => put(u64::from(number != 0), 1),
            Type::U8 | Type::S8 => put(number, 1),
            Type::U16 | Type::S16 => put(number, 2),
            Type::U32 | Type::S32 => put(number, 4),
            Type::U64 | Type::S64 => put(number, 8),
            // Zeros are the number zero, and the empty text or list.
            Type::F32 | Type::F64 | Type::Char | Type::String => true,
            Type::ErrorContext => false,
            Type::Id(id) => match &self.resolve.types[*id].kind {
                TypeDefKind::Type(other) => self.paint(other, answer, at, image),
                TypeDefKind::Record(record) => {
                    let fields = self.sizes.field_offsets(record.fields.iter().map(|field| &field.ty));
                    { fields }
                        .into_iter()
                        .all(|(offset, field)| self.paint(field, answer, at + offset.size_wasm32(), image))
                }
                TypeDefKind::Tuple(tuple) => {
                    let fields = self.sizes.field_offsets(&tuple.types);
                    { fields }
                        .into_iter()
                        .all(|(offset, field)| self.paint(field, answer, at + offset.size_wasm32(), image))
                }
                TypeDefKind::Flags(_) | TypeDefKind::Option(_) | TypeDefKind::List(_) | TypeDefKind::Map(..) => true,
                TypeDefKind::Enum(cases) => {
                    let names = cases.cases.iter().map(|case| (case.name.as_str(), None));
                    self.paint_case(names, cases.tag(), answer, at, image)
                }
                TypeDefKind::Variant(cases) => {
                    let names = cases.cases.iter().map(|case| (case.name.as_str(), case.ty.as_ref()));
                    self.paint_case(names, cases.tag(), answer, at, image)
                }
                TypeDefKind::Result(result) => {
                    let cases = [result.ok.as_ref(), result.err.as_ref()];
                    let mut case = |index: usize, answer| {
                        let tag = wit_parser::Int::U8;
                        image[at] = index as u8;
                        let payload = at + self.sizes.payload_offset(tag, cases).size_wasm32();
                        cases[index].is_none_or(|ty| self.paint(ty, answer, payload, image))
                    };
                    match answer {
                        Answer::Good(number) => case(0, Answer::Number(number)),
                        answer => case(1, answer) || case(0, answer),
                    }
                }
                TypeDefKind::FixedLengthList(item, count) => {
                    let size = self.size(item);
                    (0..*count as usize).all(|i| self.paint(item, answer, at + i * size, image))
                }
                TypeDefKind::Resource
                | TypeDefKind::Handle(_)
                | TypeDefKind::Future(_)
                | TypeDefKind::Stream(_)
                | TypeDefKind::Unknown => false,
            },
        }
    }

    /// The case that the answer names, or one that says "unsupported", or the first that can
    /// be laid out.
    fn paint_case<'t>(
        &self,
        cases: impl Iterator<Item = (&'t str, Option<&'t Type>)>,
        tag: wit_parser::Int,
        answer: Answer,
        at: usize,
        image: &mut [u8],
    ) -> bool {
        let cases: Vec<_> = cases.collect();
        let payload = at + self.sizes.payload_offset(tag, cases.iter().map(|(_, ty)| *ty)).size_wasm32();
        let tag_bytes = match tag {
            wit_parser::Int::U8 => 1,
            wit_parser::Int::U16 => 2,
            wit_parser::Int::U32 | wit_parser::Int::U64 => 4,
        };
        let named = match answer {
            Answer::Bad(name) => cases.iter().position(|(case, _)| *case == name),
            _ => None,
        };
        let unsupported = || UNSUPPORTED.iter().find_map(|name| cases.iter().position(|(case, _)| case == name));
        let first = named.or_else(unsupported).into_iter();
        for index in first.chain(0..cases.len()) {
            if cases[index].1.is_none_or(|ty| self.paint(ty, answer, payload, image)) {
                image[at..at + tag_bytes].copy_from_slice(&(index as u64).to_le_bytes()[..tag_bytes]);
                return true;
            }
        }
        false
    }
}
