//! Numbered rows of base32, each with a checksum of two characters.
//!
//! The checksum is a weighted sum modulo the prime 1021, as in an ISBN: with different weights
//! for every place it finds every single wrong character and every two that changed places,
//! for certain. Other mistakes slip through once in a thousand; the digest of the whole block
//! is there for those.

use data_encoding::BASE32_NOPAD;

use super::SheetError;

/// Characters of a full row, without its checksum.
const ROW: usize = 50;
/// Characters that stand together.
const GROUP: usize = 5;
/// Characters of a checksum. 32^2 is just above the modulus.
const CHECK: usize = 2;
const MODULUS: usize = 1021;
const ALPHABET: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The two characters behind row `number`, counted from 1.
fn checksum(number: usize, row: &[u8]) -> [u8; CHECK] {
    let places = row.iter().map(|c| digit(*c).expect("rows are base32")).chain([number % MODULUS]);
    let sum = places.enumerate().map(|(i, digit)| (i + 1) * digit).sum::<usize>() % MODULUS;
    [ALPHABET[sum / 32], ALPHABET[sum % 32]]
}

fn digit(c: u8) -> Option<usize> {
    ALPHABET.iter().position(|&a| a == c)
}

/// The rows of a block: groups of five, and the checksum.
pub(super) fn print(block: &[u8]) -> Vec<String> {
    let digits = BASE32_NOPAD.encode(block);
    let row = |(i, row): (usize, &[u8])| {
        let groups = row.chunks(GROUP).map(|group| str::from_utf8(group).expect("base32 is ASCII"));
        let groups: Vec<_> = groups.collect();
        let check = checksum(i + 1, row);
        let check = str::from_utf8(&check).expect("base32 is ASCII");
        format!("{:>4}: {}  {check}", i + 1, groups.join(" "))
    };
    digits.as_bytes().chunks(ROW).enumerate().map(row).collect()
}

/// Rows as they are read.
#[derive(Default)]
pub(super) struct Rows {
    digits: Vec<u8>,
    read: usize,
    /// The line of a row that is not full: only the last one may be.
    short: Option<usize>,
}

impl Rows {
    pub(super) fn count(&self) -> usize {
        self.read
    }

    /// Takes one line in.
    pub(super) fn push(&mut self, line: usize, text: &str) -> Result<(), SheetError> {
        let fail = |why| Err(SheetError::Line { line, why });
        if let Some(line) = self.short {
            return Err(SheetError::Line { line, why: "this row of the block is too short" });
        }
        let number = self.read + 1;
        let text = match text.split_once(':') {
            Some((label, rest)) if label.trim().parse() == Ok(number) => rest,
            Some(_) => return fail("this row of the block has the wrong number: a row before it is missing or double"),
            None => text,
        };
        let mut row = Vec::with_capacity(ROW + CHECK);
        for c in text.chars().filter(|c| !c.is_whitespace()) {
            let c = match c.to_ascii_uppercase() {
                // What a person or a scanner makes of O and B; base32 has neither digit.
                '0' => 'O',
                '8' => 'B',
                '1' => return fail("there is no digit 1 in the block: it is an I or an L"),
                c => c,
            };
            match u8::try_from(c) {
                Ok(c) if digit(c).is_some() => row.push(c),
                _ => return fail("this row of the block has a character that is no letter and no digit from 2 to 7"),
            }
            if row.len() > ROW + CHECK {
                return fail("this row of the block is too long: each row is a line of its own");
            }
        }
        let Some((digits, check)) = row.split_last_chunk::<CHECK>().filter(|(digits, _)| !digits.is_empty()) else {
            return fail("this row of the block is too short");
        };
        if *check != checksum(number, digits) {
            return fail("a character of this row is wrong or missing, or a row before it is");
        }
        if digits.len() < ROW {
            self.short = Some(line);
        }
        self.digits.extend_from_slice(digits);
        self.read = number;
        Ok(())
    }

    /// The block.
    pub(super) fn finish(self) -> Result<Vec<u8>, SheetError> {
        BASE32_NOPAD.decode(&self.digits).map_err(|_| SheetError::Block)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(lines: &[String]) -> Result<Vec<u8>, SheetError> {
        let mut rows = Rows::default();
        for (i, line) in lines.iter().enumerate() {
            rows.push(i + 1, line)?;
        }
        rows.finish()
    }

    #[test]
    fn every_wrong_character_and_every_swap_is_found_in_its_line() {
        let block: Vec<u8> = (0..90).map(|i| (i * 37) as u8).collect();
        let lines = print(&block);
        assert_eq!(read(&lines).unwrap(), block);
        for (l, line) in lines.iter().enumerate() {
            let places: Vec<usize> = (6..line.len()).filter(|&i| line.as_bytes()[i] != b' ').collect();
            for &at in &places {
                for &other in ALPHABET {
                    if line.as_bytes()[at] == other {
                        continue;
                    }
                    let mut typed = lines.clone();
                    typed[l].replace_range(at..=at, str::from_utf8(&[other]).unwrap());
                    assert!(matches!(read(&typed), Err(SheetError::Line { line, .. }) if line == l + 1));
                }
            }
            for pair in places.windows(2).filter(|pair| line.as_bytes()[pair[0]] != line.as_bytes()[pair[1]]) {
                let mut typed = lines.clone().into_iter().map(String::into_bytes).collect::<Vec<_>>();
                typed[l].swap(pair[0], pair[1]);
                let typed: Vec<String> = typed.into_iter().map(|line| String::from_utf8(line).unwrap()).collect();
                assert!(matches!(read(&typed), Err(SheetError::Line { line, .. }) if line == l + 1));
            }
        }
    }

    #[test]
    fn a_row_that_is_missing_or_double_is_found_where_it_is() {
        let lines = print(&[7; 120]);
        assert_eq!(lines.len(), 4);
        let without_numbers: Vec<String> = lines.iter().map(|line| line[6..].to_owned()).collect();
        assert_eq!(read(&without_numbers).unwrap(), [7; 120]);
        for lines in [lines, without_numbers] {
            let missing = [&lines[..1], &lines[2..]].concat();
            assert!(matches!(read(&missing), Err(SheetError::Line { line: 2, .. })));
            let double = [&lines[..2], &lines[1..]].concat();
            assert!(matches!(read(&double), Err(SheetError::Line { line: 3, .. })));
        }
    }
}
