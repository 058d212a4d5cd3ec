//! Reading ids and names out of canonical arrays: shared by every structured document.

use crate::Timestamp;
use crate::cbor::{DecodeError, Fault, Reader};
use crate::limits;

impl Reader<'_> {
    /// `null`, or what `read` reads.
    pub(crate) fn optional<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Option<T>, DecodeError> {
        if self.null() { Ok(None) } else { read(self).map(Some) }
    }

    /// Text with a grammar.
    pub(crate) fn parsed<T: std::str::FromStr>(&mut self, what: &'static str) -> Result<T, DecodeError> {
        let at = self.at();
        self.text()?.parse().or_else(|_| self.fail(at, Fault::Expected(what)))
    }

    /// A time.
    pub(crate) fn timestamp(&mut self) -> Result<Timestamp, DecodeError> {
        let at = self.at();
        match self.uint()? {
            time if time <= limits::MAX_TIMESTAMP => Ok(time),
            _ => self.fail(at, Fault::Expected("a time below 2^53 ms")),
        }
    }

    /// A list with a bound on its length.
    pub(crate) fn list<T>(
        &mut self,
        most: usize,
        what: &'static str,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        let at = self.at();
        let length = self.array()?;
        if length > most {
            return self.fail(at, Fault::Expected(what));
        }
        (0..length).map(|_| item(self)).collect()
    }
}

/// Whether no item comes twice. For short lists.
pub(crate) fn distinct<T: PartialEq>(items: &[T]) -> bool {
    items.iter().enumerate().all(|(i, item)| !items[..i].contains(item))
}
