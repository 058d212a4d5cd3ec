//! Larger answers in words: spaces, modules, the node itself.

use serde_json::Value as Json;

use crate::output::{bytes, items, line, number, table, text};
use crate::time;

/// A space and what it binds.
pub fn space(json: &Json) {
    line(format!("{}  {}", text(json, "/name"), text(json, "/id")));
    line(format!("  founded by   {} {}", text(json, "/founder"), text(json, "/founder_name")));
    line(format!("  founded      {}", time::show(number(json, "/created"))));
    line(format!("  governance   {}", text(json, "/governance")));
    line(format!("  constitution {} ({} amendments)", text(json, "/constitution"), number(json, "/amendments")));
    for (slot, binding) in json["slots"].as_object().into_iter().flatten() {
        let module = match text(binding, "/module") {
            "" => text(binding, "/code"),
            name => name,
        };
        line(format!(
            "  {slot} = {module}  (fuel {}, memory {})",
            number(binding, "/fuel"),
            bytes(number(binding, "/memory"))
        ));
        let broken: Vec<&str> = items(binding, "/broken_laws").iter().filter_map(Json::as_str).collect();
        if !broken.is_empty() {
            line(format!(
                "    it breaks laws of its role: {}; the evidence is in this node's folder",
                broken.join(", ")
            ));
        }
    }
    let types: Vec<Vec<String>> = items(json, "/types")
        .iter()
        .map(|of| {
            let summary = of["summary"].as_str().unwrap_or("(its module does not run here)");
            vec![format!("  {}", text(of, "/type")), format!("{} records", number(of, "/records")), summary.to_owned()]
        })
        .collect();
    if !types.is_empty() {
        line("types; `atlas query --type TYPE --describe` explains one");
        table(&types);
    }
}

/// A module in detail.
pub fn module(json: &Json) {
    line(format!("{}  {} {}", text(json, "/name"), text(json, "/module"), text(json, "/version")));
    line(format!("  {}", text(json, "/summary")));
    line(format!("  role     {}", text(json, "/role")));
    line(format!("  code     {}", text(json, "/code")));
    line(format!("  size     {}", bytes(number(json, "/size"))));
    if let Some(manifest) = json.get("manifest").filter(|manifest| manifest.is_object()) {
        let list = |path: &str| items(manifest, path).iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ");
        line(format!("  authors  {}", list("/authors")));
        line(format!("  licence  {}", text(manifest, "/licence")));
        if !text(manifest, "/source").is_empty() {
            line(format!("  source   {}", text(manifest, "/source")));
        }
        line(format!("  built    against {}", text(manifest, "/wit")));
        let asked = list("/capabilities");
        line(format!("  asks     {}", if asked.is_empty() { "nothing of the host" } else { &asked }));
    }
    let imports: Vec<&str> = items(json, "/imports").iter().filter_map(Json::as_str).collect();
    line(format!("  imports  {}", if imports.is_empty() { "none".to_owned() } else { imports.join(", ") }));
    let fuel = &json["fuel"];
    let average = match number(fuel, "/average") {
        0 => "none judged since the node started".to_owned(),
        average => format!("{average} on average over {} records", number(fuel, "/records")),
    };
    line(format!(
        "  fuel     {}: {} for an empty record; {average}; limit {}",
        text(fuel, "/meter"),
        number(fuel, "/empty_record"),
        number(fuel, "/default_limit")
    ));
    if let Some(rules) = json.get("rules").filter(|rules| rules.is_object()) {
        let list = |path: &str| items(rules, path).iter().filter_map(Json::as_str).collect::<Vec<_>>().join(", ");
        line(format!("  records  {}, key: {}", text(rules, "/lifecycle"), text(rules, "/key")));
        line(format!("  indexes  {}", list("/indexes")));
        line(format!("  text     {}", list("/text")));
    }
}

/// The node in figures.
pub fn status(json: &Json) {
    line(format!("atlas {}  {}", text(json, "/version"), text(json, "/dir")));
    for one in items(json, "/spaces") {
        line(format!(
            "space {}  {} records ({} headers), {} of bodies",
            text(one, "/name"),
            number(one, "/records"),
            number(one, "/headers"),
            bytes(number(one, "/body_bytes"))
        ));
        for of in items(one, "/types") {
            line(format!("  {}  {}", text(of, "/type"), number(of, "/records")));
        }
    }
    let store = &json["store"];
    line(format!(
        "store  {} on disk, {} blobs ({}), {} parked, {} pending",
        bytes(number(store, "/disk_bytes")),
        number(store, "/blobs"),
        bytes(number(store, "/blob_bytes")),
        number(store, "/parked"),
        number(store, "/pending")
    ));
    if json["text"].is_object() {
        let state = match text(json, "/text/failure") {
            "" => format!("up to record {}", number(json, "/text/watermark")),
            failure => format!("does not follow: {failure}"),
        };
        line(format!(
            "text   {} records, {state}; {} live queries",
            number(json, "/text/documents"),
            number(json, "/live")
        ));
    }
    match json.get("network").filter(|network| network.is_object()) {
        Some(network) => crate::network::network(network),
        None => line("network  off"),
    }
    for module in items(json, "/modules") {
        line(format!(
            "module {} {}  {} records judged, {} traps, {} faults",
            text(module, "/module"),
            text(module, "/version"),
            number(module, "/records"),
            number(module, "/traps"),
            number(module, "/faults")
        ));
    }
    line(format!("memory {}, module instances {}", bytes(number(json, "/memory_bytes")), text(json, "/allocation")));
    if number(json, "/quarantined") > 0 {
        line(format!("{} modules in quarantine: `atlas doctor` says why", number(json, "/quarantined")));
    }
}
