//! Package indexes: made up, of any length, the same in every run; and the real one of the
//! machine, if it has one.

use std::io::Read;
use std::process::{Child, ChildStdout, Command, Stdio};

const SECTIONS: [&str; 8] = ["libs", "devel", "doc", "net", "utils", "python", "admin", "math"];

/// The name of package `i` of a made-up index.
pub fn name(i: usize) -> String {
    format!("{}{i}", ["lib", "tool-", "python3-", "golang-"][i % 4])
}

/// The paragraph of package `i`. It depends on packages with lower numbers, the low ones
/// most often.
pub fn paragraph(i: usize) -> String {
    let depends: Vec<String> =
        (1..=i.min(5)).map(|j| format!("{} (>= 1.{j})", name(i * j * 7919 % (i / j + 1)))).collect();
    let depends = if depends.is_empty() { String::new() } else { format!("Depends: {}\n", depends.join(", ")) };
    format!(
        "Package: {name}\nVersion: 1.{minor}-{i}\nArchitecture: amd64\nMaintainer: Team {team} <team{team}@example.org>\n\
         Installed-Size: {installed}\n{depends}Section: {section}\nPriority: optional\nSize: {size}\n\
         Filename: pool/main/{name}_{i}.deb\nSHA256: {hash}\nHomepage: https://example.org/{name}\n\
         Description: a package with the number {i}\n It does what package number {i} has to do, and is described\n \
         in two lines of the usual length, as most packages are.\n",
        name = name(i),
        minor = i % 30,
        team = i % 97,
        installed = i * 13 % 90_000,
        section = SECTIONS[i % SECTIONS.len()],
        size = i * 7919 % 5_000_000,
        hash = blake3_hex(i),
    )
}

fn blake3_hex(i: usize) -> String {
    atlas_record::BlobId::of(&i.to_be_bytes()).as_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// An index of `count` packages.
pub fn index(count: usize) -> String {
    (0..count).map(|i| paragraph(i) + "\n").collect()
}

/// The machine's own package index, as it is printed.
#[derive(Debug)]
pub struct Debian {
    child: Child,
    out: ChildStdout,
}

impl Debian {
    /// Starts printing it. `None` where there is no `apt-cache`.
    pub fn print() -> Option<Self> {
        let mut child =
            Command::new("apt-cache").arg("dumpavail").stdout(Stdio::piped()).stderr(Stdio::null()).spawn().ok()?;
        let out = child.stdout.take()?;
        Some(Self { child, out })
    }

    /// All of it, if it has more than 1,000 packages.
    pub fn whole() -> Option<String> {
        let mut text = String::new();
        Self::print()?.read_to_string(&mut text).ok()?;
        (text.matches("\nPackage: ").count() >= 1000).then_some(text)
    }
}

impl Read for Debian {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        self.out.read(into)
    }
}

impl Drop for Debian {
    fn drop(&mut self) {
        // It may have ended already; what matters is that none is left behind.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
