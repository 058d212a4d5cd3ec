//! Files that a body names and the header carries.

use crate::fields::Fields;
use crate::reason::Reason;
use crate::types::{Blob, Entry};

impl Entry {
    /// The attached blob that a map of the body names by its fields `blob` (a link) and
    /// `size` (bytes). Refuses a blob that the record does not carry, and another size than
    /// the header's.
    ///
    /// A body only *names* a blob; it is the header's list that makes nodes keep and serve
    /// it, so what a body names has to stand there too.
    pub fn attached<'a>(&'a self, named: &Fields<'_>) -> Result<&'a Blob, Reason> {
        let id = named.link("blob")?;
        let size = named.integer("size")?.within(0..=i64::MAX)?;
        let Some(blob) = self.blobs.iter().find(|blob| blob.id == id) else {
            return Err(named.field("blob")?.refuse(
                "not-attached",
                format_args!("`{id}`, which is not among the record's {} blobs: attach it", self.blobs.len()),
            ));
        };
        if u64::try_from(*size) != Ok(blob.size) {
            return Err(size.refuse("wrong-size", format_args!("{}: the attached blob has {} bytes", *size, blob.size)));
        }
        Ok(blob)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Blob, Entry, Value, map};

    const ID: &str = "bafkr4igdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi";

    fn code(size: i64, attached: &[(&str, u64)]) -> Option<&'static str> {
        let blob = Value::Link(ID.parse().unwrap());
        let body = map! { "image": { "blob": blob, "size": size } };
        let blobs = attached.iter().map(|(id, size)| Blob { id: (*id).to_owned(), size: *size }).collect();
        let entry = Entry { blobs, body, ..Entry::default() };
        entry.attached(&entry.body().map("image").unwrap()).err().map(|reason| reason.code)
    }

    #[test]
    fn what_a_body_names_is_attached_in_the_same_size() {
        assert_eq!(code(5, &[(ID, 5)]), None);
        assert_eq!(code(5, &[]), Some("not-attached"));
        assert_eq!(code(5, &[("bafkr4ihother", 5)]), Some("not-attached"));
        assert_eq!(code(6, &[(ID, 5)]), Some("wrong-size"));
        assert_eq!(code(-5, &[(ID, 5)]), Some("out-of-range"));
    }
}
