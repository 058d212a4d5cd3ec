//! Printing a sheet.

use std::fmt::Write;

use zeroize::Zeroizing;

use super::{MOST_BLOCK, SheetContent, SheetError, TITLE, VERSION, check, encode, phrase, rows};
use crate::seeds;

/// Words that stand side by side.
const COLUMNS: usize = 4;

const ADVICE: &str = "\
# Whoever has this page can act as the identity below, for good. Keep it on
# paper, apart from your machines, where nobody else reads it: no photo, no
# cloud, no mail. Destroy it when its keys have been replaced.
#
# To restore, type the page into a file, or read it in with a scanner, and run
#     atlas id import FILE
# on a machine that you trust. Upper or lower case and blanks do not matter;
# lines that begin with # can be left out. Keep each row of the block on a
# line of its own. A mistake is reported with its line. Delete the file when
# you are done.
";

/// Makes the page. Its lines have 78 characters at most.
pub fn print(sheet: &SheetContent) -> Result<Zeroizing<String>, SheetError> {
    let keys = seeds::public(&sheet.secrets);
    check(sheet, &keys)?;
    let block = encode(sheet, &keys);
    if block.len() > MOST_BLOCK {
        return Err(SheetError::Content("its log is too long for paper; use a bundle"));
    }
    let rows = rows::print(&block);
    // At its full size: a text that grows leaves copies behind.
    let mut page = Zeroizing::new(String::with_capacity(4096 + keys.len() * 1024 + rows.len() * 80));
    write(&mut page, sheet, &rows).expect("memory can be written");
    Ok(page)
}

fn write(page: &mut String, sheet: &SheetContent, rows: &[String]) -> std::fmt::Result {
    writeln!(page, "{TITLE}, FORMAT {VERSION}\n\n{ADVICE}")?;
    writeln!(page, "name: {}", sheet.name)?;
    if let Some(identity) = &sheet.identity {
        writeln!(page, "identity: {identity}")?;
    }
    writeln!(page, "date: {}", sheet.date)?;

    for (i, (role, secret)) in sheet.secrets.iter().enumerate() {
        let role = role.as_str().to_ascii_uppercase();
        writeln!(page, "\n[KEY {} OF {}: {role}]", i + 1, sheet.secrets.len())?;
        writeln!(page, "public: {}", secret.public())?;
        for (i, word) in phrase::words(secret.seed()).words().enumerate() {
            let end = if i % COLUMNS == COLUMNS - 1 { "\n" } else { "" };
            // The last column is not padded: no blanks at the end of a line.
            let width = if end.is_empty() { 10 } else { 0 };
            write!(page, "  {:>2} {word:<width$}{end}", i + 1)?;
        }
    }

    writeln!(page, "\n[BLOCK OF {} ROWS]", rows.len())?;
    rows.iter().try_for_each(|row| writeln!(page, "{row}"))
}
