//! A space as one stream of bytes: `atlas export` writes it, `atlas import atlas` reads it.
//!
//! A CBOR sequence (RFC 8742) of pairs `[kind, bytes]`: first `atlas-archive` with the version,
//! then what everything else needs (identities, the space, its amendments, module code and
//! configs), then records in the order in which they came. Whoever reads it checks every
//! part as if it came from a stranger.

use std::collections::HashSet;
use std::io::{self, BufRead, Read, Write};

use atlas_record::cbor::encode;
use atlas_record::identity::{Identity, Target};
use atlas_record::{SpaceId, Value};
use atlas_store::DocKind;

use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

/// The version that is written.
const VERSION: &[u8] = b"1";
/// The largest part that is read.
const MOST_BYTES: u64 = 256 << 20;

/// One part of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A signed identity genesis.
    Identity(Vec<u8>),
    /// A later root event: 32 bytes of the identity's id, then the signed event.
    Event(Vec<u8>),
    /// A signed grant.
    Grant(Vec<u8>),
    /// A signed revocation.
    Revocation(Vec<u8>),
    /// A witness's signed receipt.
    Receipt(Vec<u8>),
    /// A signed space genesis.
    Space(Vec<u8>),
    /// A signed amendment.
    Amendment(Vec<u8>),
    /// Module code, or a config.
    Blob(Vec<u8>),
    /// A record in its transport form.
    Record(Vec<u8>),
}

impl Part {
    fn kind(&self) -> (&'static str, &[u8]) {
        match self {
            Part::Identity(bytes) => ("identity", bytes),
            Part::Event(bytes) => ("event", bytes),
            Part::Grant(bytes) => ("grant", bytes),
            Part::Revocation(bytes) => ("revocation", bytes),
            Part::Receipt(bytes) => ("receipt", bytes),
            Part::Space(bytes) => ("space", bytes),
            Part::Amendment(bytes) => ("amendment", bytes),
            Part::Blob(bytes) => ("blob", bytes),
            Part::Record(bytes) => ("record", bytes),
        }
    }
}

fn write_pair(out: &mut impl Write, kind: &str, bytes: &[u8]) -> io::Result<()> {
    out.write_all(&encode(&Value::List(vec![kind.into(), Value::Bytes(bytes.to_vec())])))
}

/// Writes one part.
pub fn write_part(out: &mut impl Write, part: &Part) -> io::Result<()> {
    let (kind, bytes) = part.kind();
    write_pair(out, kind, bytes)
}

/// An archive of these parts, in memory.
pub fn write_archive(out: &mut Vec<u8>, parts: &[Part]) {
    let written = write_pair(out, "atlas-archive", VERSION)
        .and_then(|()| parts.iter().try_for_each(|part| write_part(out, part)));
    written.expect("writing to memory does not fail");
}

/// Reads parts one at a time.
pub struct Parts<R> {
    input: R,
    started: bool,
}

fn bad(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

impl<R: BufRead> Parts<R> {
    /// From a stream.
    pub fn new(input: R) -> Self {
        Self { input, started: false }
    }

    fn byte(&mut self) -> io::Result<u8> {
        let mut byte = [0];
        self.input.read_exact(&mut byte).map_err(|_| bad("the archive is cut off"))?;
        Ok(byte[0])
    }

    /// The argument of a head of this major type.
    fn head(&mut self, major: u8) -> io::Result<u64> {
        let first = self.byte()?;
        if first >> 5 != major {
            return Err(bad("not an atlas archive: a part is not a pair of text and bytes"));
        }
        let width = match first & 0x1f {
            small @ 0..=23 => return Ok(small.into()),
            24 => 1,
            25 => 2,
            26 => 4,
            27 => 8,
            _ => return Err(bad("not an atlas archive: a part has no definite length")),
        };
        (0..width).try_fold(0u64, |sum, _| Ok(sum << 8 | u64::from(self.byte()?)))
    }

    fn string(&mut self, major: u8, most: u64) -> io::Result<Vec<u8>> {
        let length = self.head(major)?;
        if length > most {
            return Err(bad(format!("a part of the archive has {length} bytes, {most} at most are read")));
        }
        let mut bytes = Vec::new(); // grows with what really comes
        if (&mut self.input).take(length).read_to_end(&mut bytes)? as u64 == length {
            Ok(bytes)
        } else {
            Err(bad("the archive is cut off"))
        }
    }

    fn read(&mut self) -> io::Result<Option<Part>> {
        loop {
            if self.input.fill_buf()?.is_empty() {
                return if self.started { Ok(None) } else { Err(bad("the archive is empty")) };
            }
            if self.head(4)? != 2 {
                return Err(bad("not an atlas archive: a part is not a pair"));
            }
            let kind = self.string(3, 64)?;
            let bytes = self.string(2, MOST_BYTES)?;
            if !self.started {
                self.started = true;
                match (&kind[..], &bytes[..]) {
                    (b"atlas-archive", VERSION) => continue,
                    (b"atlas-archive", version) => {
                        let version = String::from_utf8_lossy(version);
                        return Err(bad(format!("the archive has version {version}, this program reads version 1")));
                    }
                    _ => return Err(bad("not an atlas archive: it does not begin with its name")),
                }
            }
            return match &kind[..] {
                b"identity" => Ok(Some(Part::Identity(bytes))),
                b"event" => Ok(Some(Part::Event(bytes))),
                b"grant" => Ok(Some(Part::Grant(bytes))),
                b"revocation" => Ok(Some(Part::Revocation(bytes))),
                b"receipt" => Ok(Some(Part::Receipt(bytes))),
                b"space" => Ok(Some(Part::Space(bytes))),
                b"amendment" => Ok(Some(Part::Amendment(bytes))),
                b"blob" => Ok(Some(Part::Blob(bytes))),
                b"record" => Ok(Some(Part::Record(bytes))),
                other => Err(bad(format!("the archive holds an unknown part `{}`", String::from_utf8_lossy(other)))),
            };
        }
    }
}

impl<R: BufRead> Iterator for Parts<R> {
    type Item = io::Result<Part>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

impl Node {
    /// What others need of an identity: its log, and of its grants and revocations those that
    /// concern a space; all of them without one.
    pub fn identity_parts(&self, identity: &Identity, space: Option<&SpaceId>) -> Result<Vec<Part>, NodeError> {
        let id = identity.id();
        let mut parts = Vec::new();
        let mut attested: HashSet<[u8; 32]> = HashSet::new();
        for event in identity.log().all() {
            attested.insert(event.id().0);
            parts.push(match event.identity() {
                Some(_) => Part::Identity(event.as_bytes().to_vec()),
                None => Part::Event([&id.0[..], event.as_bytes()].concat()),
            });
        }
        let mut targets: HashSet<Target> = HashSet::new();
        for grant in identity.grants() {
            let scope = &grant.statement().scope;
            if space.is_none_or(|space| scope.spaces.contains(space)) {
                targets.extend([Target::Grant(grant.id()), Target::Key(grant.statement().audience)]);
                attested.insert(grant.id().0);
                parts.push(Part::Grant(grant.as_bytes().to_vec()));
            }
        }
        for revocation in identity.revocations() {
            if space.is_none() || targets.contains(&revocation.statement().target) {
                attested.insert(revocation.id().0);
                parts.push(Part::Revocation(revocation.as_bytes().to_vec()));
            }
        }
        for doc in self.store().docs(DocKind::Receipt, &id.0) {
            let doc = doc?;
            let of = doc.key.get(32..).and_then(<[u8]>::first_chunk::<32>);
            if of.is_some_and(|of| attested.contains(of)) {
                parts.push(Part::Receipt(doc.bytes));
            }
        }
        Ok(parts)
    }

    /// Writes a space: everything another node needs to check and serve it.
    pub fn export(&self, space: &Space, out: &mut impl Write) -> Result<u64, NodeError> {
        let failed = |error: io::Error| NodeError::Unavailable(format!("the export could not be written: {error}"));
        write_pair(out, "atlas-archive", VERSION).map_err(failed)?;
        let mut known = HashSet::new();
        let mut identity = |id, out: &mut _| -> Result<(), NodeError> {
            if known.insert(id)
                && let Some(identity) = self.identity(&id)?
            {
                for part in self.identity_parts(&identity, Some(&space.id))? {
                    write_part(out, &part).map_err(failed)?;
                }
            }
            Ok(())
        };
        identity(space.founder(), out)?;
        write_part(out, &Part::Space(space.genesis.as_bytes().to_vec())).map_err(failed)?;
        for amendment in &space.amendments {
            write_part(out, &Part::Amendment(amendment.as_bytes().to_vec())).map_err(failed)?;
        }
        let constitutions = std::iter::once(&space.genesis.document().constitution)
            .chain(space.amendments.iter().map(|amendment| &amendment.document().constitution));
        let mut blobs: Vec<_> = constitutions
            .flat_map(|constitution| constitution.slots.values())
            .flat_map(|binding| [Some(binding.code), binding.config])
            .flatten()
            .collect();
        blobs.sort();
        blobs.dedup();
        for id in blobs {
            if let Some(bytes) = self.modules().code(&id)? {
                write_part(out, &Part::Blob(bytes.to_vec())).map_err(failed)?;
            }
        }
        let mut records = 0;
        // By number, not by a query: what is no longer shown, and what took it back, travels too.
        for n in 1..=self.store().watermark() {
            let Some(stored) = self.store().by_number(n)? else { continue };
            if stored.record.header().space != space.id {
                continue;
            }
            identity(stored.record.header().author, out)?;
            write_part(out, &Part::Record(stored.record.encode())).map_err(failed)?;
            records += 1;
        }
        Ok(records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn archive(parts: &[Part]) -> Vec<u8> {
        let mut out = Vec::new();
        write_pair(&mut out, "atlas-archive", VERSION).unwrap();
        parts.iter().for_each(|part| write_part(&mut out, part).unwrap());
        out
    }

    #[test]
    fn what_is_written_is_read_again() {
        let parts = [Part::Identity(vec![1]), Part::Blob(vec![7; 70_000]), Part::Record(Vec::new())];
        let read: Vec<_> = Parts::new(&archive(&parts)[..]).map(Result::unwrap).collect();
        assert_eq!(read, parts);
    }

    #[test]
    fn an_archive_that_is_cut_off_or_lies_about_a_length_is_refused() {
        let whole = archive(&[Part::Blob(vec![7; 300])]);
        for end in 0..whole.len() {
            let outcome: Result<Vec<_>, _> = Parts::new(&whole[..end]).collect();
            let at_a_boundary = end == archive(&[]).len();
            assert_eq!(outcome.is_ok(), at_a_boundary, "cut at {end}");
        }
        let mut lying = archive(&[]);
        lying.extend_from_slice(&[0x82, 0x64, b'b', b'l', b'o', b'b', 0x5b, 0, 0, 0, 0, 0xff, 0, 0, 0]);
        assert!(Parts::new(&lying[..]).collect::<Result<Vec<_>, _>>().is_err());
    }
}
