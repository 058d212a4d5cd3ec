//! What questions are made of, taken from the world itself.

use std::collections::HashMap;
use std::sync::Arc;

use atlas_node::Node;
use atlas_node::spaces::Space;
use atlas_node::text::words::words;
use atlas_record::{Address, IdentityId, Value};
use atlas_store::{IndexValue, StoredRecord};
use atlas_tests::Dice;

use crate::Failure;

/// Records that are looked at.
const SAMPLE: usize = 10_000;

/// Names, targets, values, times and words, each as often as it occurs.
pub struct Material {
    /// Where they are.
    pub space: Arc<Space>,
    /// Where packages stand.
    pub addresses: Vec<Address>,
    /// Who writes, as often as they do.
    pub authors: Vec<IdentityId>,
    /// What is depended on.
    pub targets: Vec<String>,
    /// Names of packages.
    pub names: Vec<String>,
    /// Those who maintain them.
    pub maintainers: Vec<String>,
    /// Sections.
    pub sections: Vec<String>,
    /// Bytes of packages.
    pub sizes: Vec<i64>,
    /// When records were written.
    pub times: Vec<u64>,
    /// Words of summaries and descriptions: in more than 1 % of the sample.
    pub common: Vec<String>,
    /// Words that occur in it two or three times.
    pub rare: Vec<String>,
    /// Summaries, as words.
    pub summaries: Vec<Vec<String>>,
}

fn texts(sample: &[StoredRecord], name: &str) -> Vec<String> {
    let entries = sample.iter().flat_map(StoredRecord::entries).filter(|entry| &*entry.name == name);
    let text = |value: &IndexValue| match value {
        IndexValue::Text(text) => Some(text.to_string()),
        IndexValue::Integer(_) => None,
    };
    entries.filter_map(|entry| text(&entry.value)).collect()
}

impl Material {
    /// From a sample.
    pub fn gather(node: &Node) -> Result<Self, Failure> {
        let mut dice = Dice::new(5);
        let last = node.store().watermark() as usize;
        let numbers: Vec<u64> = (0..SAMPLE).map(|_| 1 + dice.below(last) as u64).collect();
        let mut sample = node.store().by_numbers(numbers)?;
        sample.retain(|stored| {
            stored.status.is_visible() && stored.record.header().type_name.as_str() == "atlas.package"
        });
        let sizes = sample.iter().flat_map(StoredRecord::entries).filter_map(|entry| match entry.value {
            IndexValue::Integer(size) if &*entry.name == "size" => Some(size),
            _ => None,
        });
        let links = sample.iter().flat_map(|stored| &stored.record.header().links);
        let address = |stored: &StoredRecord| {
            let header = stored.record.header();
            let key = header.record_key.clone()?;
            Some(Address { space: header.space, author: header.author, type_name: header.type_name.clone(), key })
        };
        let (mut summaries, mut occur) = (Vec::new(), HashMap::<String, usize>::new());
        for stored in &sample {
            let Some(payload) = stored.record.payload() else { continue };
            let body = payload.body.to_map();
            let summary = words(body.get("summary").and_then(Value::as_text).unwrap_or_default());
            let mut all = words(body.get("description").and_then(Value::as_text).unwrap_or_default());
            all.extend(summary.iter().cloned());
            all.sort_unstable();
            all.dedup();
            all.into_iter().filter(|word| word.len() > 2).for_each(|word| *occur.entry(word).or_default() += 1);
            if summary.len() > 4 {
                summaries.push(summary);
            }
        }
        let of = |least: usize, most: usize| {
            let mut found: Vec<String> = occur
                .iter()
                .filter(|(word, count)| {
                    (least..=most).contains(*count) && word.bytes().all(|byte| byte.is_ascii_lowercase())
                })
                .map(|(word, _)| word.clone())
                .collect();
            found.sort_unstable();
            found
        };
        let material = Self {
            space: node.spaces().resolve(None)?,
            addresses: sample.iter().filter_map(address).collect(),
            authors: sample.iter().map(|stored| stored.record.header().author).collect(),
            targets: links
                .filter(|link| link.relation.as_str() == "depends")
                .map(|link| link.target.to_string())
                .collect(),
            names: texts(&sample, "name"),
            maintainers: texts(&sample, "maintainer"),
            sections: texts(&sample, "section"),
            sizes: sizes.collect(),
            times: sample.iter().map(StoredRecord::created).collect(),
            common: of(sample.len() / 100, usize::MAX),
            rare: of(2, 3),
            summaries,
        };
        let empty = material.targets.is_empty() || material.common.is_empty() || material.rare.is_empty();
        if empty || material.summaries.is_empty() {
            return Err("the world is too small to ask: give it 2,000 records at least".into());
        }
        Ok(material)
    }
}
