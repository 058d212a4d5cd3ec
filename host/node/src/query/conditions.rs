//! Conditions as they are written, and what they mean for records of a type.

use std::ops::Bound;

use atlas_record::{Relation, Target, TypeName};
use atlas_store::{IndexEntry, IndexValue, Values};

use crate::error::NodeError;
use crate::node::Node;
use crate::spaces::Space;

/// A condition on a declared index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexCondition {
    /// The index.
    pub name: String,
    /// The values, as text; read by the kind that the type declares.
    pub values: IndexRange,
}

/// Values of an index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IndexRange {
    /// This one.
    Is(String),
    /// From the first, included, to the second, excluded; open where left out.
    Between(Option<String>, Option<String>),
}

impl std::str::FromStr for IndexCondition {
    type Err = NodeError;

    /// `NAME=VALUE`, or `NAME=FROM..TO` with either end left out for an open one.
    /// `NAME==VALUE` takes the value as it is, dots and all.
    fn from_str(text: &str) -> Result<Self, NodeError> {
        let Some((name, value)) = text.split_once('=').filter(|(name, _)| !name.is_empty()) else {
            return Err(NodeError::Misuse(format!(
                "`{text}` is no index condition: write NAME=VALUE or NAME=FROM..TO"
            )));
        };
        let end = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let values = match (value.strip_prefix('='), value.split_once("..")) {
            (Some(exact), _) => IndexRange::Is(exact.to_owned()),
            (None, Some((from, to))) => IndexRange::Between(end(from), end(to)),
            (None, None) => IndexRange::Is(value.to_owned()),
        };
        Ok(Self { name: name.to_owned(), values })
    }
}

/// A condition on links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCondition {
    /// The relation; any where left out.
    pub relation: Option<Relation>,
    /// What the record points at.
    pub target: Target,
}

impl std::str::FromStr for LinkCondition {
    type Err = NodeError;

    /// `REL=TARGET`, or `=TARGET` for any relation.
    fn from_str(text: &str) -> Result<Self, NodeError> {
        let wrong = |why: &dyn std::fmt::Display| {
            NodeError::Misuse(format!(
                "`{text}` is no link condition: {why}; write REL=TARGET, as depends=name:libssl3"
            ))
        };
        let (relation, target) = text.split_once('=').ok_or_else(|| wrong(&"there is no `=`"))?;
        let relation = match relation {
            "" => None,
            relation => Some(relation.parse().map_err(|error| wrong(&error))?),
        };
        Ok(Self { relation, target: target.parse().map_err(|error| wrong(&error))? })
    }
}

/// A condition on a declared index, read as the type declares it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Indexed {
    pub type_name: TypeName,
    pub name: Box<str>,
    pub values: Values,
}

impl Indexed {
    /// Whether index entries hold the condition.
    pub fn holds(&self, entries: &[IndexEntry]) -> bool {
        entries.iter().any(|entry| {
            entry.name == self.name
                && match &self.values {
                    Values::Eq(value) => entry.value == *value,
                    Values::Range(from, to) => {
                        let kind = std::mem::discriminant(&entry.value);
                        let same = |bound: &Bound<IndexValue>| match bound {
                            Bound::Included(value) | Bound::Excluded(value) => std::mem::discriminant(value) == kind,
                            Bound::Unbounded => true,
                        };
                        same(from)
                            && same(to)
                            && std::ops::RangeBounds::contains(&(from.clone(), to.clone()), &entry.value)
                    }
                }
        })
    }
}

impl Node {
    /// Reads a condition as the type declares its index.
    pub(crate) fn indexed(
        &self,
        space: &Space,
        type_name: Option<&TypeName>,
        option: &str,
        index: &IndexCondition,
    ) -> Result<Indexed, NodeError> {
        use atlas_engine::validator::IndexKind;
        let Some(type_name) = type_name else {
            return Err(NodeError::Misuse(format!("{option} belongs to a type: say which with --type")));
        };
        let validator = self.modules().validator(space.binding(type_name)?)?;
        let declared = &validator.rules().indexes;
        let Some(found) = declared.iter().find(|found| found.name == index.name) else {
            let names: Vec<_> = declared.iter().map(|index| index.name.as_str()).collect();
            let hint = if names.is_empty() {
                "it declares none".to_owned()
            } else {
                format!("it declares: {}", names.join(", "))
            };
            return Err(NodeError::missing("index", format!("{} of {type_name}", index.name), hint));
        };
        let value = |text: &String| match found.kind {
            IndexKind::Text => Ok(IndexValue::Text(text.as_str().into())),
            IndexKind::Integer => text
                .parse()
                .map(IndexValue::Integer)
                .map_err(|_| NodeError::Misuse(format!("index `{}` holds integers, and `{text}` is none", found.name))),
        };
        let values = match &index.values {
            IndexRange::Is(text) => Values::Eq(value(text)?),
            IndexRange::Between(from, to) => Values::Range(
                from.as_ref().map_or(Ok(Bound::Unbounded), |text| value(text).map(Bound::Included))?,
                to.as_ref().map_or(Ok(Bound::Unbounded), |text| value(text).map(Bound::Excluded))?,
            ),
        };
        Ok(Indexed { type_name: type_name.clone(), name: index.name.as_str().into(), values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_holds_a_condition_of_its_kind_only() {
        let with = |values| Indexed { type_name: "test.one".parse().unwrap(), name: "size".into(), values };
        let entries = [IndexEntry::new("size", 5), IndexEntry::new("size", "five"), IndexEntry::new("other", 7)];
        let range = |from, to| with(Values::Range(from, to));
        assert!(with(Values::Eq(5.into())).holds(&entries));
        assert!(with(Values::Eq("five".into())).holds(&entries));
        assert!(!with(Values::Eq(7.into())).holds(&entries));
        assert!(range(Bound::Included(5.into()), Bound::Unbounded).holds(&entries));
        assert!(!range(Bound::Unbounded, Bound::Excluded(5.into())).holds(&entries));
        assert!(!range(Bound::Included(6.into()), Bound::Unbounded).holds(&entries), "a text is no large integer");
    }
}
