//! A package index in small, with everything that such an index can hold.

/// Entries of [`index`], good and bad.
pub const READ: u64 = 27;
/// Those that cannot be taken: one without a version, one that is too large, one whose
/// relation is none.
pub const BAD: [&str; 3] = ["no-version", "far-too-large", "odd-relation"];

/// Packages that depend on `libssl3`, in any way that counts as `depends`.
pub const NEEDS_SSL: [&str; 4] = ["curl", "openssh-client", "python3", "wget"];

const PACKAGES: [(&str, &str, &str, &str); 21] = [
    ("libc6", "2.36-9", "libs", ""),
    ("libssl3", "3.0.11-1~deb12u2", "libs", "Depends: libc6 (>= 2.34)\n"),
    ("zlib1g", "1:1.2.13.dfsg-1", "libs", "Depends: libc6 (>= 2.14)\n"),
    ("curl", "7.88.1-10", "web", "Depends: libc6 (>= 2.34), libssl3 (>= 3.0.0), zlib1g (>= 1:1.1.4)\n"),
    ("wget", "1.21.3-1", "web", "Depends: libssl3, zlib1g | zlib-ng\nRecommends: ca-certificates\n"),
    ("openssh-client", "1:9.2p1-2", "net", "Depends: libssl3 (>= 3.0.11), adduser (>= 3.10)\n"),
    ("python3", "3.11.2-1+b1", "python", "Depends: libc6, libssl3 | libssl1.1 (<< 1.2)\nSuggests: python3-doc\n"),
    ("ca-certificates", "20230311", "misc", "Depends: openssl (>= 1.1.1)\n"),
    ("openssl", "3.0.11-1", "utils", "Pre-Depends: libssl3 (>= 3.0.9)\n"),
    ("adduser", "3.134", "admin", ""),
    ("bash", "5.2.15-2+b2", "shells", "Pre-Depends: libc6 (>= 2.36)\nConflicts: bash-completion (<< 20060301-0)\n"),
    ("coreutils", "9.1-1", "utils", "Pre-Depends: libc6 (>= 2.34)\n"),
    ("g++-12", "12.2.0-14", "devel", "Depends: gcc-12 (= 12.2.0-14)\nProvides: c++-compiler\n"),
    ("gcc-12", "12.2.0-14", "devel", "Depends: libc6 (>= 2.35)\nProvides: c-compiler\n"),
    ("make", "4.3-4.1", "devel", "Replaces: make-guile\nBreaks: make-guile\n"),
    ("git", "1:2.39.2-1.1", "vcs", "Depends: libc6, zlib1g:any (>= 1:1.2.2)\nEnhances: vim [amd64]\n"),
    ("vim", "2:9.0.1378-2", "editors", "Provides: editor\n"),
    ("tzdata", "2024a-0+deb12u1", "localization", ""),
    ("perl", "5.36.0-7", "perl", "Built-Using: gcc-12 (= 12.2.0-14)\n"),
    ("sqlite3", "3.40.1-2", "database", "Depends: zlib1g\n"),
    ("jq", "1.6-2.1", "utils", "Depends: libjq1 (= 1.6-2.1)\n"),
];

/// The index.
pub fn index() -> String {
    let mut text = String::new();
    for (i, (name, version, section, relations)) in PACKAGES.iter().enumerate() {
        text.push_str(&format!(
            "Package: {name}\nVersion: {version}\nArchitecture: amd64\nMaintainer: Team {}\nInstalled-Size: {}\n{relations}\
             Section: {section}\nSize: {}\nSHA256: {}\nDescription: what {name} does\n In several lines,\n .\n the last one here.\n\n",
            i % 3,
            100 + i,
            1000 * (i + 1),
            format!("{i:02x}").repeat(32),
        ));
    }
    // The same name for another machine is another package.
    text.push_str("Package: libssl3\nVersion: 3.0.11-1~deb12u2\nArchitecture: arm64\nSection: libs\nSize: 77\n\n");
    text.push_str("Package: no-version\nArchitecture: all\n\n\n\n");
    let long = " a line of the description that never seems to end\n".repeat(1400);
    text.push_str(&format!("Package: far-too-large\nVersion: 1\nDescription: endless\n{long}\n"));
    text.push_str("Package: odd-relation\nVersion: 1\nDepends: (>= 1)\n\n");
    text.push_str(
        "Package: umlauts\nVersion: 1\nMaintainer: Jürgen Groß <j@example.org>\nDescription: größer – 漢字\n\n",
    );
    text.push_str(
        "Package: last-without-empty-line\nVersion: 0.1\nTag: role::program, use::editing,\n interface::shell\n",
    );
    text
}
