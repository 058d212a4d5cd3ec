//! Reading a sheet, as it was printed or as it was typed.

use super::phrase::Phrase;
use super::rows::Rows;
use super::{MOST_TEXT, SheetContent, SheetError, TITLE, VERSION, decode};
use crate::{MOST_KEYS, PublicEntry};

/// Reads a sheet. What is wrong is named by line, and where it can be by word.
pub fn parse(text: &str) -> Result<SheetContent, SheetError> {
    if text.len() > MOST_TEXT {
        return Err(SheetError::TooLong(text.len()));
    }
    match heading(text).ok_or(SheetError::NotASheet)? {
        VERSION => {}
        newer if newer > VERSION => return Err(SheetError::NewerFormat(newer)),
        _ => return Err(SheetError::NotASheet),
    }
    let mut page = Page::default();
    meaningful(text).skip(1).try_for_each(|(line, text)| page.push(line, text))?;
    page.finish()
}

/// The format number in the first line, if that is the first line of a sheet.
pub(super) fn heading(text: &str) -> Option<u64> {
    let (_, first) = meaningful(text).next()?;
    let mut words = first.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let expected = TITLE.split(' ').chain(["FORMAT"]);
    for expected in expected {
        if !words.next()?.eq_ignore_ascii_case(expected) {
            return None;
        }
    }
    let version = words.next()?.parse().ok()?;
    words.next().is_none().then_some(version)
}

/// The lines that say something, with their numbers.
fn meaningful(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = text.lines().enumerate().map(|(i, line)| (i + 1, line.trim()));
    lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
}

/// Where on the page a line stands.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
enum Section {
    #[default]
    Top,
    Key,
    Block,
}

/// What a line in plain sight claims. The block knows better.
struct Claim<'a> {
    line: usize,
    about: About,
    text: &'a str,
}

#[derive(Clone, Copy)]
enum About {
    Name,
    Identity,
    Date,
    /// The public key of a key, counted from 0.
    Public(usize),
}

/// The page as far as it was read.
#[derive(Default)]
struct Page<'a> {
    section: Section,
    claims: Vec<Claim<'a>>,
    phrases: Vec<Phrase>,
    rows: Rows,
    /// How many rows the block should have, where its heading says so.
    announced: Option<(usize, usize)>,
}

impl<'a> Page<'a> {
    fn push(&mut self, line: usize, text: &'a str) -> Result<(), SheetError> {
        let fail = |why| Err(SheetError::Line { line, why });
        if let Some(heading) = text.strip_prefix('[') {
            return self.section(line, heading);
        }
        if let Some((label, rest)) = text.split_once(':') {
            let label = label.trim();
            let is = |name: &str| label.eq_ignore_ascii_case(name);
            let about = match self.section {
                Section::Top if is("name") => Some(About::Name),
                Section::Top if is("identity") => Some(About::Identity),
                Section::Top if is("date") => Some(About::Date),
                Section::Key if is("public") => Some(About::Public(self.phrases.len() - 1)),
                _ => None,
            };
            if let Some(about) = about {
                self.claims.push(Claim { line, about, text: rest });
                return Ok(());
            }
        }
        match self.section {
            Section::Top => fail("expected `name:`, `identity:`, `date:` or the first `[KEY …]`"),
            Section::Key => self.phrases.last_mut().expect("a key's section has begun").push(line, text),
            Section::Block => self.rows.push(line, text),
        }
    }

    /// `KEY 1 OF 3: ROOT]` or `BLOCK OF 12 ROWS]`.
    fn section(&mut self, line: usize, heading: &str) -> Result<(), SheetError> {
        let fail = |why| Err(SheetError::Line { line, why });
        let mut words = heading.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
        let first = words.next().unwrap_or_default();
        if first.eq_ignore_ascii_case("key") {
            let number = self.phrases.len() + 1;
            if number > MOST_KEYS {
                return fail("there are more keys than a sheet holds");
            }
            if self.section == Section::Block {
                return fail("a key stands behind the block: keys come first");
            }
            if words.next().and_then(|word| word.parse().ok()) != Some(number) {
                return fail("this key has the wrong number: a key before it is missing or double");
            }
            self.phrases.push(Phrase::new(number, line));
            self.section = Section::Key;
            Ok(())
        } else if first.eq_ignore_ascii_case("block") && self.section != Section::Block {
            self.announced = words.find_map(|word| word.parse().ok()).map(|rows| (line, rows));
            self.section = Section::Block;
            Ok(())
        } else {
            fail("expected `[KEY …]`, or one `[BLOCK …]`")
        }
    }

    fn finish(self) -> Result<SheetContent, SheetError> {
        if self.section != Section::Block || self.rows.count() == 0 {
            return Err(SheetError::Missing("the block of letters and digits at its end is not there"));
        }
        if let Some((line, rows)) = self.announced
            && rows != self.rows.count()
        {
            return Err(SheetError::Line { line, why: "the block has not as many rows as this line says" });
        }
        let (mut sheet, keys) = decode(&self.rows.finish()?)?;
        for claim in &self.claims {
            claim.check(&sheet, &keys)?;
        }
        if self.phrases.len() < keys.len() {
            return Err(SheetError::Missing("the block lists more keys than there are phrases"));
        }
        if let Some(extra) = self.phrases.get(keys.len()) {
            return Err(SheetError::Line { line: extra.line(), why: "the block does not list this key" });
        }
        sheet.secrets.reserve_exact(keys.len());
        for (phrase, entry) in self.phrases.iter().zip(&keys) {
            sheet.secrets.push((entry.role, phrase.secret(&entry.key)?));
        }
        Ok(sheet)
    }
}

impl Claim<'_> {
    fn check(&self, sheet: &SheetContent, keys: &[PublicEntry]) -> Result<(), SheetError> {
        let (known, why) = match self.about {
            About::Name => (Some(sheet.name.clone()), "the name is not the one in the block"),
            About::Identity => (sheet.identity.map(|id| id.to_string()), "the identity is not the one in the block"),
            About::Date => (Some(sheet.date.clone()), "the date is not the one in the block"),
            About::Public(i) => {
                (keys.get(i).map(|entry| entry.key.to_string()), "the public key is not the one in the block")
            }
        };
        let letters = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_lowercase();
        let same = known.is_some_and(|known| letters(&known) == letters(self.text));
        if same { Ok(()) } else { Err(SheetError::Line { line: self.line, why }) }
    }
}
