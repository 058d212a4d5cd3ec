//! Nodes that find each other, agree, and stay in agreement.

pub mod negentropy;
pub mod overlay;
#[cfg(feature = "sim")]
pub mod sim;
