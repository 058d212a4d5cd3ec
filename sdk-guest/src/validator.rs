//! The one trait that a validator implements, and what the boundary makes of it.

use atlas_record::cbor::{Map, Value, decode};

use crate::config_error::ConfigError;
use crate::reason::Reason;
use crate::rules::Rules;
use crate::types::{Candidate, Description, Draft, Operation};
use crate::verdict::{Judgement, Valid, Verdict};

/// Judges the records of a type. A pure function of its arguments: no clock, no network,
/// no storage, no memory of earlier records.
///
/// The life of a validator: the host makes an instance, calls [`configure`](Self::configure)
/// once, then any of the others. [`export_validator!`](crate::export_validator!) makes a
/// module of it; natively, [`testing`](crate::testing) calls the same code.
pub trait Validator: Default + Send + Sync + 'static {
    /// What this module is. Must not depend on the config.
    fn describe() -> Description;

    /// Reads the config that a constitution binds. Without one the config is empty and
    /// means [`Default`]; a validator that takes none refuses any other. An error names
    /// what is wrong in the config, and where, or the documents that it lacks.
    fn configure(config: &[u8]) -> Result<Self, ConfigError> {
        if config.is_empty() {
            return Ok(Self::default());
        }
        Err(format!("this module takes no config, but {} bytes were given: leave it out", config.len()).into())
    }

    /// What holds for the whole type.
    fn rules(&self) -> Rules;

    /// Completes a draft where it is written: the key and the links that follow from the
    /// body. Only a convenience; what counts is what [`validate`](Self::validate) says of
    /// the result. Leaves drafts as they are unless told otherwise.
    fn prepare(&self, draft: &mut Draft) -> Result<(), Reason> {
        let _ = draft;
        Ok(())
    }

    /// Judges a record that writes a body.
    fn validate(&self, candidate: &Candidate) -> Judgement;

    /// Judges a record that takes a body back. Authors may take back what they wrote
    /// unless told otherwise.
    fn validate_delete(&self, candidate: &Candidate) -> Judgement {
        let _ = candidate;
        Ok(Valid::new())
    }
}

/// The map that the bytes of a body hold. The host checks this first; a module that is
/// given something else says so and does not trap.
pub(crate) fn decode_body(bytes: &[u8]) -> Result<Map, Reason> {
    match decode(bytes) {
        Ok(Value::Map(map)) => Ok(map),
        Ok(other) => Err(crate::reason!("wrong-kind", "the body is {}: expected a map", other.kind())),
        Err(error) => Err(crate::reason!("not-canonical", "the body is {error}")),
    }
}

/// The verdict on a candidate whose body was decoded.
pub(crate) fn judge<V: Validator>(validator: &V, candidate: &Candidate) -> Verdict {
    let judgement = match candidate.operation {
        Operation::Put => validator.validate(candidate),
        Operation::Delete => validator.validate_delete(candidate),
    };
    judgement.into()
}

/// Checks at compile time that a type is a validator, and makes the surrounding crate a
/// module that exports it. Does nothing else in a native build.
///
/// ```
/// use atlas_sdk::{Candidate, Description, Judgement, Rules, Valid, Validator};
///
/// #[derive(Default)]
/// struct Note;
///
/// impl Validator for Note {
///     fn describe() -> Description {
///         Description::new("example:note", "1.0.0", "A note of one line.")
///     }
///     fn rules(&self) -> Rules {
///         Rules::append().text_field("text", 100)
///     }
///     fn validate(&self, note: &Candidate) -> Judgement {
///         note.body().text("text")?.chars_within(1..=300)?.one_line()?;
///         Ok(Valid::new())
///     }
/// }
///
/// atlas_sdk::export_validator!(Note);
/// ```
#[macro_export]
macro_rules! export_validator {
    ($validator:ty) => {
        const _: () = {
            const fn is_validator<V: $crate::Validator>() {}
            is_validator::<$validator>();

            #[cfg(target_arch = "wasm32")]
            struct Export;

            #[cfg(target_arch = "wasm32")]
            impl $crate::export::Exported for Export {
                type Validator = $validator;

                fn slot() -> &'static $crate::export::Slot<$validator> {
                    static SLOT: $crate::export::Slot<$validator> = $crate::export::Slot::new();
                    &SLOT
                }
            }

            #[cfg(target_arch = "wasm32")]
    $crate::bindings::export!(Export with_types_in $crate::bindings);
        };
    };
}
