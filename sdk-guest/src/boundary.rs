//! From the component boundary to the traits of the roles beside the validator's, and back.
//! Exists in modules only, each of which has one role: the one whose feature is on.

#[cfg(feature = "admission")]
mod admission;
#[cfg(feature = "economy")]
mod economy;
#[cfg(feature = "governance")]
pub mod governance;
mod held;
#[cfg(feature = "ranker")]
mod ranker;
#[cfg(feature = "trust")]
pub mod trust;

pub use self::held::{Held, Holder};

#[cfg(any(feature = "admission", feature = "governance", feature = "ranker"))]
impl From<crate::Reason> for crate::bindings::atlas::types::types::Reason {
    fn from(reason: crate::Reason) -> Self {
        Self { code: reason.code.to_owned(), text: reason.text }
    }
}
