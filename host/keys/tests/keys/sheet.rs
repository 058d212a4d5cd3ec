//! What a recovery sheet promises.

use atlas_keys::Role;
use atlas_keys::sheet::{self, SheetContent, SheetError};
use atlas_record::IdentityId;
use atlas_record::sign::SecretKey;
use proptest::prelude::*;

fn key(n: u8) -> SecretKey {
    // Seeds whose words are not all alike.
    SecretKey::from_seed(&std::array::from_fn(|i| (i as u8).wrapping_mul(n).wrapping_add(n.wrapping_mul(31))))
}

fn example() -> SheetContent {
    SheetContent {
        name: "ada".to_owned(),
        identity: Some(IdentityId([7; 32])),
        date: "22 November 2026".to_owned(),
        secrets: vec![(Role::Root, key(1)), (Role::NextRoot, key(2)), (Role::Recovery, key(3))],
        log: vec![(0..200).collect(), b"rotation".to_vec()],
    }
}

/// Everything on it; secrets as their seeds.
fn content(s: &SheetContent) -> impl PartialEq + std::fmt::Debug + use<> {
    let secrets: Vec<_> = s.secrets.iter().map(|(role, secret)| (*role, *secret.seed())).collect();
    (s.name.clone(), s.identity, s.date.clone(), s.log.clone(), secrets)
}

fn printed() -> Vec<String> {
    sheet::print(&example()).expect("a whole sheet").lines().map(str::to_owned).collect()
}

fn parse(lines: &[String]) -> Result<SheetContent, SheetError> {
    sheet::parse(&lines.join("\n"))
}

/// The line, counted from 0, that the first key's words begin in.
fn first_words(lines: &[String]) -> usize {
    lines.iter().position(|line| line.starts_with("public:")).expect("a first key") + 1
}

#[test]
fn a_sheet_is_read_as_it_was_printed() {
    let page = sheet::print(&example()).unwrap();
    assert!(sheet::is_sheet(&page));
    for line in page.lines() {
        assert!(line.len() <= 78 && line.trim_end() == line, "{line}");
    }
    assert_eq!(content(&sheet::parse(&page).unwrap()), content(&example()));
    let least = SheetContent { identity: None, log: vec![], secrets: vec![(Role::Recovery, key(9))], ..example() };
    assert_eq!(content(&sheet::parse(&sheet::print(&least).unwrap()).unwrap()), content(&least));
}

#[test]
fn a_phrase_is_the_bip_39_phrase_of_the_seed() {
    // The test vector of BIP-39 for 32 bytes of 0x7f.
    let words = "legal winner thank year wave sausage worth useful legal winner thank year wave sausage worth useful \
                 legal winner thank year wave sausage worth title";
    let sheet = SheetContent { secrets: vec![(Role::Root, SecretKey::from_seed(&[0x7f; 32]))], ..example() };
    let page = sheet::print(&sheet).unwrap();
    let start = page.find("public:").unwrap();
    let end = page.find("[BLOCK").unwrap();
    let shown: Vec<&str> = page[start..end].lines().skip(1).flat_map(str::split_whitespace).collect();
    let shown: Vec<&str> = shown.into_iter().filter(|word| word.parse::<u8>().is_err()).collect();
    assert_eq!(shown, words.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn a_sheet_is_read_as_a_person_typed_it() {
    let lines = printed();
    let sloppy: String = lines
        .iter()
        .filter(|line| !line.starts_with('#'))
        .map(|line| format!("\t{}  \r\n\r\n# a note\n", line.to_uppercase().replace(' ', "   ")))
        .collect();
    assert_eq!(content(&sheet::parse(&sloppy).unwrap()), content(&example()));
    let lower = lines.join("\n").to_lowercase();
    assert_eq!(content(&sheet::parse(&lower).unwrap()), content(&example()));

    // The least that has to be typed: words without numbers, one to a line; rows without numbers.
    let mut least = String::from("atlas recovery sheet format 1\n");
    let mut section = ' ';
    for line in &lines {
        match line.as_str() {
            line if line.starts_with("[KEY") => {
                section = 'k';
                least += &line[..6];
            }
            line if line.starts_with("[BLOCK") => {
                section = 'b';
                least += "[block";
            }
            line if section == 'k' && !line.starts_with("public") => {
                for word in line.split_whitespace().filter(|word| word.parse::<u8>().is_err()) {
                    least += &format!("{word},\n");
                }
            }
            line if section == 'b' => least += &line[6..].replace(' ', "").replace('O', "0").replace('B', "8"),
            _ => {}
        }
        least += "\n";
    }
    assert_eq!(content(&sheet::parse(&least).unwrap()), content(&example()));
    // Numbers that stick to their words.
    let stuck = lines.join("\n").replace(" 1 ", " 1.").replace(" 2 ", " 2) ");
    assert_eq!(content(&sheet::parse(&stuck).unwrap()), content(&example()));
}

#[test]
fn a_wrong_letter_in_a_word_is_found_at_its_word() {
    let lines = printed();
    let first = first_words(&lines);
    let mut found = 0;
    for row in 0..6 {
        let words: Vec<&str> = lines[first + row].split_whitespace().collect();
        for column in 0..4 {
            for letter in ["z", "e", "s"] {
                let word = words[column * 2 + 1];
                let at = word.len() / 2;
                let typed = format!("{}{letter}{}", &word[..at], &word[at + 1..]);
                if typed == word {
                    continue;
                }
                let mut changed = words.clone();
                changed[column * 2 + 1] = &typed;
                let mut lines = lines.clone();
                lines[first + row] = changed.join(" ");
                let error = parse(&lines).unwrap_err();
                let place = row * 4 + column + 1;
                assert!(
                    matches!(error, SheetError::Word { line, key: 1, word, .. } if line == first + row + 1 && word == place),
                    "{word} -> {typed}: {error}"
                );
                assert!(!error.to_string().contains(&typed), "an error repeats no word: {error}");
                found += 1;
            }
        }
    }
    assert!(found > 60);
}

#[test]
fn a_word_that_is_missing_double_or_swapped_is_found() {
    let lines = printed();
    let first = first_words(&lines);
    let words: Vec<&str> = lines[first + 1].split_whitespace().collect();
    let with = |words: &[&str]| {
        let mut lines = lines.clone();
        lines[first + 1] = words.join(" ");
        parse(&lines).unwrap_err()
    };
    // Words 5 to 8 stand in the second line; 6 goes missing, with its number and without.
    let at_word = |error: SheetError, n: usize| {
        assert!(matches!(error, SheetError::Word { key: 1, word, .. } if word == n), "{error}")
    };
    at_word(with(&[&words[..2], &words[4..]].concat()), 6);
    at_word(with(&[&words[..3], &words[4..]].concat()), 6);
    at_word(with(&[words[0], words[1], words[2], words[3], words[3], words[4], words[5], words[6], words[7]]), 8);
    // Two neighbours changed places.
    at_word(with(&[words[0], words[3], words[2], words[1], words[4], words[5], words[6], words[7]]), 5);
    // A line is missing.
    let mut missing = lines.clone();
    missing.remove(first + 2);
    at_word(parse(&missing).unwrap_err(), 9);
    // A word of the list that resembles nothing.
    let zoo = if words[1] == "zoo" { "abandon" } else { "zoo" };
    let error = with(&[words[0], zoo, words[2], words[3], words[4], words[5], words[6], words[7]]);
    assert!(matches!(error, SheetError::Phrase { key: 1, .. }), "{error}");
}

#[test]
fn a_wrong_character_in_the_block_is_found_in_its_line() {
    let lines = printed();
    let block = lines.iter().position(|line| line.starts_with("[BLOCK")).unwrap() + 1;
    for row in block..lines.len() {
        for at in (6..lines[row].len()).step_by(7) {
            let mut typed = lines.clone();
            let other = if &typed[row][at..=at] == "X" { "Y" } else { "X" };
            typed[row].replace_range(at..=at, other);
            let error = parse(&typed).unwrap_err();
            assert!(matches!(error, SheetError::Line { line, .. } if line == row + 1), "{error}");
        }
        let mut missing = lines.clone();
        missing.remove(row);
        assert!(matches!(parse(&missing), Err(SheetError::Line { .. })));
    }
    let mut one = lines.clone();
    one[block].replace_range(6..7, "1");
    assert!(parse(&one).unwrap_err().to_string().contains("an I or an L"));
}

#[test]
fn what_stands_in_plain_sight_must_agree_with_the_block() {
    let lines = printed();
    for label in ["name:", "identity:", "date:", "public:"] {
        let at = lines.iter().position(|line| line.starts_with(label)).unwrap();
        let mut changed = lines.clone();
        changed[at].push('x');
        let error = parse(&changed).unwrap_err();
        assert!(matches!(error, SheetError::Line { line, .. } if line == at + 1), "{error}");
        // What was not typed at all is not missed.
        changed.remove(at);
        assert_eq!(content(&parse(&changed).unwrap()), content(&example()));
    }
}

#[test]
fn keys_that_are_missing_or_out_of_place_are_found() {
    let lines = printed();
    let keys: Vec<usize> = (0..lines.len()).filter(|&i| lines[i].starts_with("[KEY")).collect();
    let block = lines.iter().position(|line| line.starts_with("[BLOCK")).unwrap();
    let without_second = [&lines[..keys[1]], &lines[keys[2]..]].concat();
    assert!(matches!(parse(&without_second), Err(SheetError::Line { line, .. }) if line == keys[1] + 1));
    let without_last = [&lines[..keys[2]], &lines[block..]].concat();
    assert!(matches!(parse(&without_last), Err(SheetError::Missing(_))));
    let without_block = &lines[..block];
    assert!(matches!(parse(without_block), Err(SheetError::Missing(_))));
    let mut swapped = lines.clone();
    let (a, b) = (keys[0] + 2, keys[1] + 2);
    for i in 0..6 {
        swapped.swap(a + i, b + i);
    }
    assert!(matches!(parse(&swapped), Err(SheetError::Phrase { key: 1, .. })));
}

#[test]
fn what_is_no_sheet_is_called_that() {
    for text in
        ["", "hello", "# ATLAS RECOVERY SHEET, FORMAT 1", "-----BEGIN AGE ENCRYPTED FILE-----", "ATLAS RECOVERY SHEET"]
    {
        assert_eq!(sheet::parse(text).unwrap_err(), SheetError::NotASheet);
        assert!(!sheet::is_sheet(text));
    }
    assert_eq!(sheet::parse("Atlas Recovery Sheet, format 2").unwrap_err(), SheetError::NewerFormat(2));
    assert!(matches!(sheet::parse(&" ".repeat(300_000)), Err(SheetError::TooLong(_))));
}

#[test]
fn what_is_not_for_paper_is_not_printed() {
    let refused = |sheet: SheetContent| assert!(matches!(sheet::print(&sheet), Err(SheetError::Content(_))));
    refused(SheetContent { name: "a/b".to_owned(), ..example() });
    refused(SheetContent { date: "a\nb".to_owned(), ..example() });
    refused(SheetContent { secrets: vec![], ..example() });
    refused(SheetContent { secrets: vec![(Role::Root, key(1)), (Role::Recovery, key(1))], ..example() });
    refused(SheetContent { log: vec![vec![0; 30_000]], ..example() });
}

#[test]
fn debug_shows_no_secret() {
    let sheet = SheetContent { secrets: vec![(Role::Root, SecretKey::from_seed(&[1; 32]))], ..example() };
    let shown = format!("{sheet:?}");
    assert!(!shown.contains("1, 1, 1, 1") && !shown.contains("01010101"), "{shown}");
}

proptest! {
    #[test]
    fn no_text_makes_the_reader_panic(text in "(?s).{0,200}", lines in proptest::collection::vec(
        "(\\[key [0-9]\\]|\\[block [0-9]{1,20}|public: b.{0,9}|name:.{0,9}|[0-9]{0,30}:? ?[a-z2-7 ]{0,70}|[0-9]{1,30}\\.?(zoo|able|abandon) .{0,9}|.{0,40})", 0..12)) {
        let _ = sheet::parse(&text);
        let _ = sheet::parse(&format!("ATLAS RECOVERY SHEET, FORMAT 1\n{}", lines.join("\n")));
    }

    #[test]
    fn no_change_to_a_good_sheet_is_read_as_something_else(at in any::<prop::sample::Index>(), c in any::<char>()) {
        let page = sheet::print(&example()).unwrap();
        let mut chars: Vec<char> = page.chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        if let Ok(read) = sheet::parse(&chars.into_iter().collect::<String>()) {
            prop_assert_eq!(content(&read), content(&example()));
        }
    }

    #[test]
    fn any_content_comes_back(
        log in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..200), 0..4),
        seeds in proptest::collection::btree_set(any::<[u8; 32]>(), 1..6),
        name in "[a-z0-9_][a-z0-9._-]{0,20}",
        date in "[a-zA-Z0-9 :#\\[-]{1,30}",
    ) {
        let secrets = seeds.iter().zip(Role::ALL).map(|(seed, role)| (role, SecretKey::from_seed(seed))).collect();
        let went = SheetContent { log, name, date, secrets, ..example() };
        let came = sheet::parse(&sheet::print(&went).unwrap()).unwrap();
        prop_assert_eq!(content(&came), content(&went));
    }
}
