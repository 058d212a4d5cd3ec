//! Reading canonical bytes item by item, for those that need no value in memory.

use super::decode::{DecodeError, Fault, Reader};
use crate::id::Cid;

/// One item. The members of a list, and the keys and values of a map, follow it.
#[derive(Debug)]
pub(crate) enum Item<'a> {
    Null,
    Bool(bool),
    Int(i128),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    List(usize),
    Map(usize),
    Link(Cid),
}

impl<'a> Reader<'a> {
    /// The next item. Depth and the order of keys are not looked at: for bytes that were
    /// decoded as a whole before.
    pub(crate) fn item(&mut self) -> Result<Item<'a>, DecodeError> {
        let at = self.at();
        let Some(first) = self.first() else { return self.fail(at, Fault::Truncated) };
        if first >> 5 == 7 {
            return Ok(match self.simple()? {
                super::Value::Bool(bool) => Item::Bool(bool),
                super::Value::Float(float) => Item::Float(float),
                _ => Item::Null,
            });
        }
        let head = self.head()?;
        match head.major {
            0 => Ok(Item::Int(head.argument.into())),
            1 => Ok(Item::Int(-1 - i128::from(head.argument))),
            2 => {
                let length = self.length(&head, 1)?;
                self.take(length).map(Item::Bytes)
            }
            3 => self.text_of(&head).map(Item::Text),
            4 => self.length(&head, 1).map(Item::List),
            5 => self.length(&head, 2).map(Item::Map),
            _ => match self.tag(&head)? {
                super::Value::Link(cid) => Ok(Item::Link(cid)),
                _ => self.fail(at, Fault::Tag),
            },
        }
    }

    /// Steps over the next item and all that is in it.
    pub(crate) fn skip(&mut self) -> Result<(), DecodeError> {
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            left += match self.item()? {
                Item::List(length) => length,
                Item::Map(length) => 2 * length,
                _ => 0,
            };
        }
        Ok(())
    }
}
