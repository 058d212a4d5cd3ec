//! What a package relates to, and the links that follow from it.
//!
//! A relation is a list of groups; a group is a list of alternatives, of which one is
//! enough. For each distinct (relation, name) the record carries one link
//! `(relation, name:NAME)`, no more and no fewer.

use std::collections::BTreeSet;

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

/// A wanted link, by relation (its place in [`RELATIONS`]) and name.
pub(crate) type Wanted<'a> = BTreeSet<(usize, &'a str)>;

/// Checks the relations; the links that follow from them.
pub(crate) fn links<'a>(body: &Fields<'a>) -> Result<Wanted<'a>, Reason> {
    let mut wanted = Wanted::new();
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
    if wanted.len() > LINKS {
        let count = wanted.len();
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

/// The link's place in [`RELATIONS`] and the name it points at, if it is of a package's relation.
fn parse(link: &Link) -> Option<(usize, Option<&str>)> {
    let place = RELATIONS.iter().position(|known| *known == link.relation)?;
    Some((place, link.target.strip_prefix("name:")))
}

/// Adds the links that are missing. What the author added stays: [`check`] judges it.
pub(crate) fn complete(links: &mut Vec<Link>, wanted: Wanted<'_>) {
    let named = |link| parse(link).and_then(|(place, name)| Some((place, name?)));
    let present: Wanted<'_> = links.iter().filter_map(named).collect();
    let link = |&(place, name): &(usize, &str)| Link::new(RELATIONS[place], format!("name:{name}"));
    let missing: Vec<_> = wanted.iter().filter(|wanted| !present.contains(*wanted)).map(link).collect();
    links.extend(missing);
}

/// Refuses links that are not exactly those that follow from the relations.
pub(crate) fn check<'a>(links: &'a [Link], mut wanted: Wanted<'a>) -> Result<(), Reason> {
    for link in links {
        let Some((place, name)) = parse(link) else { continue };
        if !name.is_some_and(|name| wanted.remove(&(place, name))) {
            let Link { relation, target } = link;
            return Err(reason!(
                "links-differ",
                "the record has a link `{relation}` to `{target}` that does not follow from `relations`, \
                 or has it twice: expected one link for each name there"
            ));
        }
    }
    match wanted.first() {
        None => Ok(()),
        Some((place, name)) => {
            let relation = RELATIONS[*place];
            Err(reason!(
                "links-differ",
                "`relations.{relation}` names `{name}`, but the record has no link `{relation}` to `name:{name}`"
            ))
        }
    }
}
