//! What a type says of its links: how many of a relation, and what they may point at.
//!
//! A type's links are a table, so that the rule, the refusal and the README say the same:
//!
//! ```
//! use atlas_sdk::{LinkRule, To};
//! const LINKS: [LinkRule; 2] = [
//!     LinkRule::one("trusts", &[To::Identity]),
//!     LinkRule::up_to("evidence", 8, &[To::Record, To::Address]),
//! ];
//! ```
//!
//! Relations that the table leaves out are the author's own.

use std::ops::RangeInclusive;

use atlas_record::id::RecordId;
use atlas_record::target::Target;

use crate::reason::Reason;
use crate::types::{Draft, Entry, Link};
use crate::{ensure, invalid, reason};

/// What a link may point at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// A record by its id.
    Record,
    /// Anything that has a CID: a record, a space, a blob.
    Cid,
    /// What stands at an address.
    Address,
    /// An identity.
    Identity,
    /// A name from outside.
    Name,
}

impl To {
    fn fits(self, target: &Target) -> bool {
        match (self, target) {
            (Self::Record, Target::Cid(cid)) => RecordId::from_cid(cid).is_some(),
            (Self::Cid, Target::Cid(_)) | (Self::Address, Target::Address(_)) => true,
            (Self::Identity, Target::Identity(_)) | (Self::Name, Target::Name(_)) => true,
            _ => false,
        }
    }

    fn words(self) -> &'static str {
        match self {
            Self::Record => "a record id (bafyr4i…)",
            Self::Cid => "a CID",
            Self::Address => "an address (atlas://SPACE/AUTHOR/TYPE/KEY)",
            Self::Identity => "an identity (id:CID)",
            Self::Name => "a name (name:TEXT)",
        }
    }
}

/// How many links of a relation a record has, and where they lead.
#[derive(Debug, Clone)]
pub struct LinkRule {
    relation: &'static str,
    count: RangeInclusive<usize>,
    to: &'static [To],
}

impl LinkRule {
    /// Exactly one.
    pub const fn one(relation: &'static str, to: &'static [To]) -> Self {
        Self { relation, count: 1..=1, to }
    }

    /// One or none.
    pub const fn optional(relation: &'static str, to: &'static [To]) -> Self {
        Self { relation, count: 0..=1, to }
    }

    /// Any number up to `most`.
    pub const fn up_to(relation: &'static str, most: usize, to: &'static [To]) -> Self {
        Self { relation, count: 0..=most, to }
    }

    fn expected(&self) -> String {
        self.to.iter().map(|to| to.words()).collect::<Vec<_>>().join(" or ")
    }

    fn check(&self, links: &[Link]) -> Result<(), Reason> {
        let mut count = 0;
        for Link { relation, target } in links {
            if relation != self.relation {
                continue;
            }
            count += 1;
            ensure!(
                target.parse().is_ok_and(|target| self.to.iter().any(|to| to.fits(&target))),
                "wrong-target",
                "the `{relation}` link points at `{target}`: expected {}",
                self.expected()
            );
        }
        let Self { relation, count: expected, .. } = self;
        if count < *expected.start() {
            invalid!("missing-link", "there is no `{relation}` link: expected one to {}", self.expected());
        }
        ensure!(
            count <= *expected.end(),
            "too-many",
            "{count} `{relation}` links: expected {} at most",
            expected.end()
        );
        Ok(())
    }
}

/// Holds links against a type's rules.
pub(crate) fn check(links: &[Link], rules: &[LinkRule]) -> Result<(), Reason> {
    rules.iter().try_for_each(|rule| rule.check(links))
}

impl Entry {
    /// Holds the links against the rules of the type: counts and kinds of targets.
    pub fn check_links(&self, rules: &[LinkRule]) -> Result<(), Reason> {
        check(&self.links, rules)
    }

    /// The target of the first link of a relation.
    pub fn link(&self, relation: &str) -> Option<&str> {
        first(&self.links, relation)
    }

    /// Refuses a record whose one link of this relation is not to `target`, because the
    /// body says so. [`Draft::link`] is how `prepare` makes it.
    pub fn expect_link(&self, relation: &str, target: &str) -> Result<(), Reason> {
        let mut found = self.links.iter().filter(|link| link.relation == relation).map(|link| link.target.as_str());
        match (found.next(), found.next()) {
            (Some(only), None) if only == target => Ok(()),
            (None, _) => {
                invalid!("links-differ", "there is no `{relation}` link: expected one to `{target}`, as the body says")
            }
            (Some(first), second) => {
                let wrong = second.filter(|_| first == target).unwrap_or(first);
                invalid!(
                    "links-differ",
                    "there is a `{relation}` link to `{wrong}`: expected one to `{target}` only, as the body says"
                )
            }
        }
    }

    /// Refuses a record whose key is not the one that follows from its content.
    pub fn expect_key(&self, expected: &str) -> Result<(), Reason> {
        match self.key.as_deref() {
            Some(key) if key == expected => Ok(()),
            Some(key) => Err(reason!("wrong-key", "the key is `{key}`: expected `{expected}`, as the content says")),
            None => Err(reason!("wrong-key", "there is no key: expected `{expected}`, as the content says")),
        }
    }
}

impl Draft {
    /// The target of the first link of a relation.
    pub fn link_to(&self, relation: &str) -> Option<&str> {
        first(&self.links, relation)
    }
}

fn first<'a>(links: &'a [Link], relation: &str) -> Option<&'a str> {
    links.iter().find(|link| link.relation == relation).map(|link| link.target.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::Link;

    const CID: &str = "bafyr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn entry(links: &[(&str, &str)]) -> Entry {
        let links = links.iter().map(|(relation, target)| Link::new(*relation, *target)).collect();
        Entry { links, ..Entry::default() }
    }

    fn code(links: &[(&str, &str)], rule: LinkRule) -> Option<&'static str> {
        entry(links).check_links(&[rule]).err().map(|reason| reason.code)
    }

    #[test]
    fn relations_are_counted() {
        let one = || LinkRule::one("a", &[To::Cid]);
        assert_eq!(code(&[("a", CID), ("b", "name:x"), ("b", "name:x")], one()), None);
        assert_eq!(code(&[], one()), Some("missing-link"));
        assert_eq!(code(&[("a", CID), ("a", CID)], one()), Some("too-many"));
        assert_eq!(code(&[], LinkRule::optional("a", &[To::Cid])), None);
        assert_eq!(code(&[("a", CID); 4], LinkRule::up_to("a", 3, &[To::Cid])), Some("too-many"));
    }

    #[test]
    fn targets_are_of_the_kinds_that_the_rule_names() {
        let address = format!("atlas://{CID}/{CID}/atlas.post/k");
        let identity = format!("id:{CID}");
        let blob = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";
        for (kind, fits) in [
            (&[To::Record], [true, false, false, false, false]),
            (&[To::Cid], [true, true, false, false, false]),
            (&[To::Address], [false, false, true, false, false]),
            (&[To::Identity], [false, false, false, true, false]),
            (&[To::Name], [false, false, false, false, true]),
        ] {
            for (target, fits) in [CID, blob, &address, &identity, "name:x"].into_iter().zip(fits) {
                assert_eq!(code(&[("a", target)], LinkRule::one("a", kind)).is_none(), fits, "{kind:?} {target}");
            }
        }
        let reason = entry(&[("a", "nonsense")]).check_links(&[LinkRule::one("a", &[To::Record, To::Name])]);
        let text = reason.unwrap_err().text;
        assert_eq!(text, "the `a` link points at `nonsense`: expected a record id (bafyr4i…) or a name (name:TEXT)");
    }

    #[test]
    fn a_link_and_a_key_that_follow_from_the_body_are_exactly_these() {
        assert!(entry(&[("a", "name:x"), ("b", "name:y")]).expect_link("a", "name:x").is_ok());
        for links in [&[][..], &[("a", "name:y")], &[("a", "name:x"), ("a", "name:y")], &[("a", "name:x"); 2]] {
            assert_eq!(entry(links).expect_link("a", "name:x").unwrap_err().code, "links-differ", "{links:?}");
        }
        let keyed = Entry { key: Some("k".into()), ..Entry::default() };
        assert!(keyed.expect_key("k").is_ok());
        assert_eq!(keyed.expect_key("other").unwrap_err().code, "wrong-key");
        assert_eq!(Entry::default().expect_key("k").unwrap_err().code, "wrong-key");
    }
}
