//! Claims about the lexicon validator: the documents of the AT Protocol, the rules of the
//! language one by one, and what is hostile.

#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

mod configuring;
mod documents;
mod hostile;
mod indexing;
mod rules;
mod support;
