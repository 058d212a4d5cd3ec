//! What a package relates to, and the links that follow from it.
//!
//! A relation is a list of groups; a group is a list of alternatives, of which one is
//! enough. For each distinct (relation, name) the record carries one link
//! `(relation, name:NAME)`, no more and no fewer.

use atlas_sdk::{Fields, Link, Reason, Text, reason};

use crate::fields::{checked_name, checked_version};

/// The relations that packages have, as in Debian's control files.
pub const RELATIONS: [&str; 10] = [
    "depends",
    "pre-depends",
    "recommends",
    "suggests",
    "enhances",
    "breaks",
    "conflicts",
    "replaces",
    "provides",
    "built-using",
];

/// Comparisons of versions. `<` and `>` are strict.
const OPERATORS: [&str; 5] = ["<", "<=", "=", ">=", ">"];
/// Most groups of one relation.
const GROUPS: usize = 2048;
/// Most alternatives of one group.
const ALTERNATIVES: usize = 64;
/// Most links that the relations may amount to; a record holds 1,024 in all.
const LINKS: usize = 1000;

/// The links that follow from the relations: relation (its place in [`RELATIONS`]) and
/// name, each once, sorted.
#[derive(Default)]
pub(crate) struct Wanted<'a>(Vec<(usize, &'a str)>);

impl<'a> Wanted<'a> {
    fn insert(&mut self, link: (usize, &'a str)) {
        if let Err(at) = self.0.binary_search(&link) {
            self.0.insert(at, link);
        }
    }
}

/// Checks the relations; the links that follow from them.
pub(crate) fn links<'a>(body: &Fields<'a>) -> Result<Wanted<'a>, Reason> {
    let mut wanted = Wanted::default();
    let Some(relations) = body.optional_map("relations")? else { return Ok(wanted) };
    for (relation, groups) in relations.iter() {
        let Some(place) = RELATIONS.iter().position(|known| *known == relation) else {
            let known = RELATIONS.join(", ");
            return Err(groups.refuse("unknown-relation", format_args!("not defined: expected one of {known}")));
        };
        for group in groups.list()?.count_within(0..=GROUPS)?.items() {
            for alternative in group.list()?.count_within(1..=ALTERNATIVES)?.items() {
                wanted.insert((place, self::alternative(&alternative.map()?)?));
            }
        }
    }
    let count = wanted.0.len();
    if count > LINKS {
        return Err(reason!("too-many", "`relations` amount to {count} links: expected {LINKS} at most"));
    }
    Ok(wanted)
}

/// Checks one alternative; the name that it relates to.
fn alternative<'a>(alternative: &Fields<'a>) -> Result<&'a str, Reason> {
    alternative.only(&["name", "constraint", "arch"])?;
    let name = checked_name(alternative.text("name")?)?.as_str();
    if let Some(constraint) = alternative.optional_map("constraint")? {
        constraint.only(&["op", "version"])?;
        constraint.text("op")?.one_of(&OPERATORS)?;
        checked_version(constraint.text("version")?)?;
    }
    if let Some(arch) = alternative.optional_text("arch")? {
        check_arch(arch)?;
    }
    Ok(name)
}

/// `any`, `amd64`, `!i386`, or several of them with single spaces between.
fn check_arch(arch: Text<'_>) -> Result<(), Reason> {
    let legal = |word: &str| {
        let word = word.strip_prefix('!').unwrap_or(word);
        !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    arch.bytes_within(1..=256)?
        .matches("bad-architecture", "a list of architectures: expected words as `any`, `amd64` or `!i386`", |arch| {
            arch.split(' ').all(legal)
        })
        .map(drop)
}

/// A link that follows from no relation of the body.
struct Superfluous;

/// The link's place in `wanted`; `None` if its relation is none of a package's.
fn place(link: &Link, wanted: &Wanted<'_>) -> Option<Result<usize, Superfluous>> {
    let relation = RELATIONS.iter().position(|known| *known == link.relation)?;
    let name = link.target.strip_prefix("name:");
    let place = name.and_then(|name| wanted.0.binary_search(&(relation, name)).ok());
    Some(place.ok_or(Superfluous))
}

/// Adds the links that are missing. What the author added stays: [`check`] judges it.
pub(crate) fn complete(links: &mut Vec<Link>, wanted: Wanted<'_>) {
    let mut present = vec![false; wanted.0.len()];
    for link in links.iter() {
        if let Some(Ok(at)) = place(link, &wanted) {
            present[at] = true;
        }
    }
    let missing = wanted.0.iter().zip(present).filter(|(_, present)| !present);
    links.extend(missing.map(|((relation, name), _)| Link::new(RELATIONS[*relation], format!("name:{name}"))));
}

/// Refuses links that are not exactly those that follow from the relations.
pub(crate) fn check(links: &[Link], wanted: Wanted<'_>) -> Result<(), Reason> {
    let mut present = vec![false; wanted.0.len()];
    for link in links {
        let Link { relation, target } = link;
        match place(link, &wanted) {
            None => {}
            Some(Ok(at)) if !present[at] => present[at] = true,
            Some(Ok(_)) => {
                return Err(reason!("links-differ", "the record has the link `{relation}` to `{target}` twice"));
            }
            Some(Err(Superfluous)) => {
                return Err(reason!(
                    "links-differ",
                    "the record has a link `{relation}` to `{target}`, which `relations.{relation}` does not name"
                ));
            }
        }
    }
    match present.iter().position(|present| !present) {
        None => Ok(()),
        Some(at) => {
            let (relation, name) = wanted.0[at];
            let relation = RELATIONS[relation];
            Err(reason!(
                "links-differ",
                "`relations.{relation}` names `{name}`, but the record has no link `{relation}` to `name:{name}`"
            ))
        }
    }
}
