//! `atlas query`: what it takes, and its answers in words.

use std::io::Write;
use std::process::ExitCode;

use atlas_node::NodeError;
use atlas_node::client::{Failure, read_all};
use clap::Args;
use futures_util::StreamExt;
use serde_json::{Value as Json, json};

use crate::commands::{Outcome, Parameters, Session, stop_signal};
use crate::output::{items, line, number, record_line, table, text};
use crate::time::Time;

/// Find records; all conditions have to hold
#[derive(Debug, Args)]
pub struct Query {
    /// In this space, by name or id [default: the only space here]
    #[arg(long)]
    space: Option<String>,
    /// Of this type
    #[arg(long = "type", value_name = "TYPE")]
    type_name: Option<String>,
    /// By this identity: an id, or the name of one on this machine
    #[arg(long, value_name = "IDENTITY")]
    author: Option<String>,
    /// At this address
    #[arg(long, conflicts_with_all = ["type_name", "author", "link", "index", "state", "text", "since", "until", "cursor", "expand", "fields", "count", "group", "live", "describe"])]
    address: Option<String>,
    /// Pointing at this; =TARGET for any relation
    #[arg(long, value_name = "REL=TARGET")]
    link: Option<String>,
    /// Under this value of an index that the type declares; FROM..TO for a range
    #[arg(long, value_name = "NAME=VALUE")]
    index: Option<String>,
    /// In this state of the type's workflow now
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// With all of these words; "a phrase" in quotes, begin*, and -without
    #[arg(long, value_name = "WORDS", allow_hyphen_values = true)]
    text: Option<String>,
    /// Created then or later: a time, or a duration ago, as 2h
    #[arg(long, value_name = "TIME")]
    since: Option<Time>,
    /// Created before then: a time, or a duration ago
    #[arg(long, value_name = "TIME")]
    until: Option<Time>,
    /// Oldest, or lowest, first
    #[arg(long, conflicts_with = "newest")]
    oldest: bool,
    /// Newest first, for --text too, which otherwise has the best match first
    #[arg(long)]
    newest: bool,
    /// Records at most, 1 to 1000
    #[arg(long, default_value_t = 50)]
    limit: usize,
    /// Go on from an earlier answer to the same question
    #[arg(long)]
    cursor: Option<String>,
    /// Milliseconds that the answer may take [default: 500]
    #[arg(long, value_name = "MS")]
    budget: Option<u64>,
    /// Bring along what links lead to: depends, depends.depends, ~depends, author.atlas.profile
    #[arg(long, value_name = "PATH")]
    expand: Vec<String>,
    /// Only these fields of the body: name,hashes.sha256
    #[arg(long, value_name = "PATHS")]
    fields: Option<String>,
    /// Only count
    #[arg(long, conflicts_with_all = ["expand", "fields", "group"])]
    count: bool,
    /// Count under each value of this index or field
    #[arg(long, value_name = "FIELD", conflicts_with_all = ["expand", "fields"])]
    group: Option<String>,
    /// Go on as records come, until Ctrl-C; with --since, first what there is
    #[arg(long, conflicts_with_all = ["until", "oldest", "newest", "cursor", "budget", "expand", "count", "group"])]
    live: bool,
    /// Explain the type: its key, lifecycle, indexes, text fields, workflow and fields
    #[arg(long, requires = "type_name", conflicts_with_all = ["author", "link", "index", "state", "text", "since", "until", "cursor", "expand", "fields", "count", "group", "live"])]
    describe: bool,
}

/// Asks, and shows the answer.
pub async fn run(session: &Session, query: Query) -> Outcome {
    if let Some(address) = &query.address {
        return at_address(session, address).await;
    }
    if let (true, Some(type_name)) = (query.describe, &query.type_name) {
        let path = Parameters::default().add("space", query.space.as_ref()).0;
        let path = format!("/v1/types/{}{path}", crate::commands::escape(type_name));
        return session.show("GET", &path, None, description).await;
    }
    let conditions = Parameters::default()
        .add("space", query.space)
        .add("type", query.type_name)
        .add("author", query.author)
        .add("link", query.link)
        .add("index", query.index)
        .add("state", query.state)
        .add("text", query.text)
        .add("since", query.since.map(Time::ago))
        .add("fields", query.fields);
    if query.live {
        return live(session, &conditions.0).await;
    }
    let order = if query.oldest { Some("oldest") } else { query.newest.then_some("newest") };
    let path = conditions
        .add("until", query.until.map(Time::ago))
        .add("order", order)
        .add("limit", Some(query.limit))
        .add("cursor", query.cursor)
        .add("budget", query.budget)
        .add("expand", Some(query.expand.join(",")).filter(|paths| !paths.is_empty()))
        .add("count", query.count.then_some(true))
        .add("group", query.group)
        .0;
    session.show("GET", &format!("/v1/query{path}"), None, answer).await
}

/// What stands at an address, in the shape of an answer to a query.
async fn at_address(session: &Session, address: &str) -> Outcome {
    let path = Parameters::default().add("ref", Some(address)).0;
    let found = match session.client.ask("GET", &format!("/v1/records{path}"), None).await {
        Ok(found) if text(&found, "/status") == "visible" => vec![found],
        Ok(_) => Vec::new(),
        Err(Failure::Problem(problem)) if problem.status == 404 => Vec::new(),
        Err(failure) => return Err(failure),
    };
    let status = session.client.ask("GET", "/v1/status", None).await?;
    let page = json!({
        "count": found.len(), "records": found, "cursor": null, "watermark": number(&status, "/store/watermark"),
    });
    if session.json {
        line(page.to_string())
    } else {
        answer(&page)
    }
    Ok(ExitCode::SUCCESS)
}

/// A page of an answer.
fn answer(page: &Json) {
    if let Some(groups) = page["groups"].as_array() {
        let mut groups: Vec<&Json> = groups.iter().collect();
        groups.sort_by_key(|group| std::cmp::Reverse(number(group, "/count")));
        let value = |group: &Json| match &group["value"] {
            Json::String(text) => text.clone(),
            other => other.to_string(),
        };
        table(&groups.iter().map(|group| vec![number(group, "/count").to_string(), value(group)]).collect::<Vec<_>>());
    } else if items(page, "/records").is_empty() && number(page, "/count") > 0 {
        line(number(page, "/count").to_string());
    } else {
        items(page, "/records").iter().for_each(record_line);
    }
    for (_, along) in page["expanded"].as_object().into_iter().flatten() {
        record_line(along);
    }
    notes(page);
    match text(page, "/cursor") {
        "" if page["groups"].is_array() => {}
        "" if number(page, "/count") == 0 => line("nothing found"),
        "" => {}
        cursor => line(format!("more: add --cursor {cursor}")),
    }
}

/// What an answer does not hold, and why.
fn notes(page: &Json) {
    match text(page, "/cut") {
        "" => {}
        "time" => line("cut: the time was spent; give it more with --budget MS, or go on"),
        other => line(format!("cut: as many {other} as one answer looks at; go on")),
    }
    match text(page, "/expanded_cut") {
        "" => {}
        why => line(format!("not everything that is linked came along: too much ({why})")),
    }
    for beginning in items(page, "/text_cut").iter().filter_map(Json::as_str) {
        line(format!("`{beginning}` stands for more words than were looked for: write more of it"));
    }
    let (seen, of) = (number(page, "/text_watermark"), number(page, "/watermark"));
    if page["text_watermark"].is_u64() && seen < of {
        line(format!("the text index is still at record {seen} of {of}: ask again for the rest"));
    }
}

/// A type, for somebody who meets it for the first time.
fn description(json: &Json) {
    line(format!("{}  {}", text(json, "/type"), text(json, "/summary")));
    line(format!("  judged by  {}", text(json, "/module")));
    line(format!("  records    {} in {}", number(json, "/records"), text(json, "/space")));
    line(format!("  lifecycle  {}, key: {}", text(json, "/lifecycle"), text(json, "/key")));
    let rows = |path: &str, cells: &dyn Fn(&Json) -> Vec<String>| {
        let rows: Vec<Vec<String>> = items(json, path).iter().map(cells).collect();
        if !rows.is_empty() {
            line(match path {
                "/indexes" => "indexes, for --index NAME=VALUE and --group NAME",
                "/text" => "looked in by --text",
                _ => "fields",
            });
            table(&rows);
        }
    };
    let cell = |json: &Json, path: &str| text(json, path).to_owned();
    rows("/indexes", &|index| vec![format!("  {}", text(index, "/name")), cell(index, "/kind"), cell(index, "/about")]);
    rows("/text", &|field| vec![format!("  {}", text(field, "/path")), format!("weight {}", number(field, "/weight"))]);
    rows("/fields", &|field| {
        let required = if field["required"] == json!(true) { "required" } else { "" };
        vec![format!("  {}", text(field, "/name")), cell(field, "/kind"), required.to_owned(), cell(field, "/about")]
    });
    let list = |path: &str| items(json, path).iter().filter_map(Json::as_str).map(str::to_owned).collect::<Vec<_>>();
    if json["workflow"].is_object() {
        line(format!("workflow, for --state STATE: {}", list("/workflow/states").join(", ")));
        list("/workflow/transitions").iter().for_each(|step| line(format!("  {step}")));
    }
    line("to begin with");
    list("/examples").iter().for_each(|example| line(format!("  {example}")));
}

/// Prints records as they come, until Ctrl-C.
async fn live(session: &Session, conditions: &str) -> Outcome {
    // Without a running node this is the node: others must be able to reach it, or nothing
    // would ever come.
    let shared = session.client.share().await?;
    let stop = stop_signal()?;
    tokio::pin!(stop);
    let mut last = None;
    let outcome = loop {
        tokio::select! {
            () = &mut stop => break Ok(ExitCode::SUCCESS),
            read = listen(session, conditions, &mut last) => match read {
                Ok(Ended::Lagged) => {}
                Ok(Ended::Over) => break Err(NodeError::Unavailable("the node stopped: start it, and ask again".into()).into()),
                Err(failure) => break Err(failure),
            }
        }
    };
    if let Some(shared) = shared {
        shared.stop().await;
    }
    outcome
}

/// How a stream of events ended.
enum Ended {
    /// This client was too slow, and can go on where it was.
    Lagged,
    /// The node stopped.
    Over,
}

async fn listen(session: &Session, conditions: &str, last: &mut Option<String>) -> Result<Ended, Failure> {
    let path = format!("/v1/live{conditions}");
    let resume = last.as_deref().map(|last| ("last-event-id", last));
    let response = session.client.send_with("GET", &path, "application/json", resume, atlas_node::no_body()).await?;
    if !response.status().is_success() {
        return read_all(response).await.map(|_| Ended::Over);
    }
    let (mut stream, mut buffer) = (response.into_body().into_data_stream(), Vec::new());
    let mut event = Event::default();
    while let Some(Ok(piece)) = stream.next().await {
        buffer.extend_from_slice(&piece);
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let read: Vec<u8> = buffer.drain(..=end).collect();
            let read = String::from_utf8_lossy(&read[..end]).into_owned();
            if !read.is_empty() {
                event.take(&read);
                continue;
            }
            let done = std::mem::take(&mut event);
            if done.id.is_some() {
                *last = done.id;
            }
            match done.name.as_str() {
                "lagged" => return Ok(Ended::Lagged),
                "problem" => {
                    let problem = serde_json::from_str(&done.data);
                    return Err(match problem {
                        Ok(problem) => Failure::Problem(Box::new(problem)),
                        Err(_) => NodeError::Unavailable(done.data).into(),
                    });
                }
                name => show(session.json, name, &done.data),
            }
        }
    }
    Ok(Ended::Over)
}

/// One server-sent event.
#[derive(Default)]
struct Event {
    name: String,
    id: Option<String>,
    data: String,
}

impl Event {
    fn take(&mut self, read: &str) {
        let (field, value) = read.split_once(':').unwrap_or((read, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => self.name = value.to_owned(),
            "id" => self.id = Some(value.to_owned()),
            "data" => self.data.push_str(value),
            _ => {}
        }
    }
}

fn show(as_json: bool, name: &str, data: &str) {
    let parsed: Json = serde_json::from_str(data).unwrap_or_default();
    match (name, as_json) {
        ("record", true) => line(data),
        ("record", false) => record_line(&parsed),
        ("gone", true) => line(json!({ "gone": parsed["id"], "status": parsed["status"] }).to_string()),
        ("gone", false) => line(format!("gone  {}  {}", text(&parsed, "/status"), text(&parsed, "/id"))),
        // Not a result: it says that the question has reached the node.
        ("ready", true) => say(&json!({ "ready": true, "watermark": parsed["watermark"] }).to_string()),
        ("ready", false) => say("listening; Ctrl-C ends it"),
        _ => {}
    }
}

fn say(text: &str) {
    // Nobody can be told that standard error is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}
