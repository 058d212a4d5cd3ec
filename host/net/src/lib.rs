//! Nodes that find each other, agree, and stay in agreement.

pub mod book;
pub mod swarm;
