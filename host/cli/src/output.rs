//! Answers for people. With `--json` the node's answer is printed as it is.

use std::io::Write;

use serde_json::Value as Json;

use crate::time;

/// Prints a line; a closed pipe ends the program quietly, as users of `head` expect.
pub fn line(text: impl AsRef<str>) {
    if writeln!(std::io::stdout(), "{}", text.as_ref()).is_err() {
        std::process::exit(0);
    }
}

/// The text of a field, or nothing.
pub fn text<'a>(json: &'a Json, path: &str) -> &'a str {
    json.pointer(path).and_then(Json::as_str).unwrap_or_default()
}

/// A whole number, or 0.
pub fn number(json: &Json, path: &str) -> u64 {
    json.pointer(path).and_then(Json::as_u64).unwrap_or_default()
}

/// The items of a list.
pub fn items<'a>(json: &'a Json, path: &str) -> &'a [Json] {
    json.pointer(path).and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// Bytes for people.
pub fn bytes(count: u64) -> String {
    indicatif::HumanBytes(count).to_string()
}

/// Columns, each as wide as its widest cell.
pub fn table(rows: &[Vec<String>]) {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    for row in rows {
        let cells: Vec<String> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        line(cells.join("  ").trim_end());
    }
}

/// One record in a line: when, what, and its title or id.
pub fn record_line(record: &Json) {
    let title = ["title", "name", "text", "summary"]
        .iter()
        .find_map(|field| record.pointer(&format!("/body/{field}")).and_then(Json::as_str));
    let title: String = title.unwrap_or_default().chars().take(60).collect::<String>().replace(['\n', '\r'], " ");
    let version = text(record, "/body/version");
    let place = match text(record, "/address") {
        "" => text(record, "/id"),
        address => address,
    };
    line(format!(
        "{}  {}  {title}{}{version}",
        time::show(number(record, "/created")),
        text(record, "/type"),
        if version.is_empty() { "" } else { " " }
    ));
    line(format!("    {place}"));
}

/// One record, all of it.
pub fn record(record: &Json) {
    for (label, path) in [
        ("id", "/id"),
        ("address", "/address"),
        ("type", "/type"),
        ("author", "/author"),
        ("status", "/status"),
        ("reason", "/reason"),
    ] {
        if !text(record, path).is_empty() {
            line(format!("{label:8} {}", text(record, path)));
        }
    }
    line(format!("created  {}", time::show(number(record, "/created"))));
    for link in items(record, "/links") {
        line(format!("link     {} -> {}", text(link, "/relation"), text(link, "/target")));
    }
    for blob in items(record, "/blobs") {
        line(format!("blob     {} ({})", text(blob, "/id"), bytes(number(blob, "/size"))));
    }
    match record.get("body") {
        Some(body) => line(serde_json::to_string_pretty(body).expect("JSON prints")),
        None => line("(the body is not here)"),
    }
}
