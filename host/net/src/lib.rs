//! Nodes that find each other, agree, and stay in agreement.

pub mod negentropy;
