//! Bounds of the data model. They are part of validity: every node applies the same ones.

/// Signed header and body together, in bytes. Larger content is a blob.
pub const RECORD_BYTES: usize = 64 * 1024;
/// Nesting of arrays and maps in a body; the body's own map is level 1.
pub const DEPTH: usize = 32;
/// Links of one record.
pub const LINKS: usize = 1024;
/// Blobs of one record.
pub const BLOBS: usize = 64;
/// Bytes of a `name:` link target.
pub const NAME_TARGET_BYTES: usize = 256;
/// Bytes of a record key.
pub const KEY_BYTES: usize = 512;
/// Bytes of a type name, as in the NSID grammar.
pub const TYPE_NAME_BYTES: usize = 317;
/// Bytes of a relation name.
pub const RELATION_BYTES: usize = 64;
/// Bytes of one `ext` value, encoded.
pub const EXT_BYTES: usize = 4096;
/// How far in the future a record may be created: beyond it is refused where it is
/// authored and parked until due where it is received. Milliseconds.
pub const FUTURE_MS: u64 = 10 * 60 * 1000;
/// Times are below 2^53 ms, which every JSON reader holds exactly.
pub const MAX_TIMESTAMP: u64 = (1 << 53) - 1;
/// Positions in a chain and sizes of blobs are below 2^53 too: no JSON reader rounds them and
/// no sum of a record's sizes overflows.
pub const MAX_COUNT: u64 = (1 << 53) - 1;
/// Bytes of the digest in any CID, which bounds what a link can put into an index. The most
/// that common hashes have, and the bound of other implementations.
pub const DIGEST_BYTES: usize = 64;
/// Bytes of one space genesis, constitution or identity event.
pub const DOCUMENT_BYTES: usize = 256 * 1024;
/// Documents of one [`Bundle`](crate::bundle::Bundle).
pub const BUNDLE_DOCUMENTS: usize = 512;
/// Bytes of the path of a document in a bundle. Holds any type name as a path.
pub const BUNDLE_PATH_BYTES: usize = 512;
