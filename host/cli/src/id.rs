//! `atlas id`: keys on this machine, and what identities do with them.

use std::io::{IsTerminal, Read, Write};
use std::path::Path;
use std::process::ExitCode;

use atlas_node::NodeError;
use atlas_node::client::Failure;
use serde_json::{Value as Json, json};

use crate::args::{Device, Id, Keep, Root};
use crate::commands::{Outcome, Session, escape, misuse, unreadable};
use crate::output::{items, line, number, table, text};
use crate::passphrase::{self, Purpose};
use crate::time::{self, Time};

/// The part of a path that stands for a name that was left out.
fn name_or_only(name: Option<&str>) -> String {
    name.map_or_else(|| "-".to_owned(), escape)
}

impl Session {
    /// Runs one of the commands.
    pub async fn id(&self, command: Id) -> Outcome {
        match command {
            Id::New { name, app, device, recovery, types, actions } => {
                let (kind, name) = match (name, app, device, recovery) {
                    (Some(name), ..) => ("identity", name),
                    (_, Some(name), ..) => ("app", name),
                    (_, _, Some(name), _) => ("device", name),
                    (.., Some(name)) => ("recovery", name),
                    _ => return Err(misuse("say what to call it: atlas id new NAME")),
                };
                let request = json!({ "name": name, "kind": kind, "types": types, "actions": actions });
                self.show("POST", "/v1/identities", Some(request), |json| created(kind, json)).await
            }
            Id::List => self.show("GET", "/v1/identities", None, list).await,
            Id::Show { name } => {
                self.show("GET", &format!("/v1/identities/{}", name_or_only(name.as_deref())), None, entry).await
            }
            Id::Export { name, sheet, public, remove_root, yes } => {
                self.export_identity(name, sheet, public, remove_root, yes).await
            }
            Id::Import { from, name } => self.import_identity(&from, name).await,
            Id::Rotate { identity, root } => {
                let path = format!("/v1/identities/{}/rotate", name_or_only(identity.as_deref()));
                let done = |_: &Json| {
                    line("the root keys are replaced; the ones that may follow are new as well");
                    line("print a new recovery sheet: atlas id export --sheet");
                };
                self.show("POST", &path, Some(root_change(root)), done).await
            }
            Id::Device(command) => self.device(command).await,
            grant @ Id::Grant { .. } => self.grant(grant).await,
            Id::Revoke { app, identity, keep, reason } => {
                let path = format!("/v1/identities/{}/revocations", name_or_only(identity.as_deref()));
                let request = json!({
                    "target": app, "reason": reason,
                    "keep_until": keep.keep_until.map(Time::ago), "keep_nothing": keep.keep_nothing,
                });
                let kept = kept(&keep);
                self.show("POST", &path, Some(request), |_| line(format!("`{app}` is revoked; {kept}"))).await
            }
            Id::Recover { identity, name, root } => {
                let name = name.unwrap_or_else(|| identity.clone());
                let mut request = root_change(root);
                request["identity"] = json!(identity);
                let path = format!("/v1/identities/{}/recover", escape(&name));
                let done = |_: &Json| {
                    line("the identity is yours again: its root keys are new, and on this machine");
                    line(format!("look at its devices and remove those you do not know: atlas id show {name}"));
                };
                self.show("POST", &path, Some(request), done).await
            }
            Id::Close { identity, yes } => {
                self.confirm(yes, &format!("Close `{identity}` for good? Nothing can be signed for it any more."))?;
                let path = format!("/v1/identities/{}/close", escape(&identity));
                self.show("POST", &path, None, |_| line(format!("`{identity}` is closed"))).await
            }
            Id::Token { app, end } => {
                let path = format!("/v1/identities/{}/tokens", escape(&app));
                if end {
                    let done = |json: &Json| line(format!("{} tokens of `{app}` are ended", number(json, "/keys")));
                    return self.show("DELETE", &path, None, done).await;
                }
                self.show("POST", &path, None, |json| line(text(json, "/token"))).await
            }
            Id::Passphrase { remove } => {
                // Never from the environment: that one opened the keys.
                let new = if remove {
                    None
                } else {
                    let asked = passphrase::ask(Purpose::New("the keys on this machine"))?;
                    Some(asked.map_or_else(
                        || {
                            std::env::var("ATLAS_NEW_PASSPHRASE").map_err(|_| {
                        misuse("a new passphrase is asked for on a terminal; without one, set ATLAS_NEW_PASSPHRASE")
                    })
                        },
                        Ok,
                    )?)
                };
                let done = |json: &Json| match text(json, "/protection") {
                    "passphrase" => line("the keys on this machine are sealed with the passphrase"),
                    _ => line("the keys on this machine are protected by the permissions of their files"),
                };
                self.show("PUT", "/v1/keyring", Some(json!({ "passphrase": new })), done).await
            }
        }
    }

    async fn device(&self, command: Device) -> Outcome {
        match command {
            Device::Add { request, here: _, identity } => {
                let path = format!("/v1/identities/{}/devices", name_or_only(identity.as_deref()));
                let is_here = request.is_none();
                let done = |json: &Json| {
                    if is_here {
                        return line("this machine is a device now");
                    }
                    // The line alone on standard output, so that a script can hand it on.
                    eprintln!("added; on that machine run: atlas id import LINE, with this line:");
                    line(text(json, "/line"));
                };
                self.show("POST", &path, Some(json!({ "request": request })), done).await
            }
            Device::Remove { key, identity, keep } => {
                let mut path = format!("/v1/identities/{}/devices/{}", name_or_only(identity.as_deref()), escape(&key));
                path += &format!("?keep_nothing={}", keep.keep_nothing);
                if let Some(time) = keep.keep_until {
                    path += &format!("&keep_until={}", time.ago());
                }
                let kept = kept(&keep);
                self.show("DELETE", &path, None, |_| line(format!("device {key} is removed for good; {kept}"))).await
            }
            Device::List { identity } => {
                let path = format!("/v1/identities/{}", name_or_only(identity.as_deref()));
                let answer = self.client.ask("GET", &path, None).await?;
                let devices = items(&answer, "/devices");
                if self.json {
                    line(json!({ "devices": devices, "this_device": answer["this_device"] }).to_string());
                } else {
                    devices.iter().for_each(|key| line(device_line(key, &answer)));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    }

    async fn grant(&self, command: Id) -> Outcome {
        let Id::Grant { request, identity, types, actions, scope, spaces, from, expires, depth, rate, yes } = command
        else {
            unreachable!("called for this command alone");
        };
        let given = |list: Vec<String>| if list.is_empty() { Json::Null } else { json!(list) };
        let mut body = json!({
            "to": request, "types": given(types), "actions": given(actions), "spaces": given(spaces),
            "scope": scope, "not_before": from.map(Time::ahead), "expires": expires.map(Time::ahead),
            "depth": depth, "rate": rate.as_deref().map(parse_rate).transpose()?, "sign": yes,
        });
        let path = format!("/v1/identities/{}/grants", name_or_only(identity.as_deref()));
        if !yes {
            let plan = self.client.ask("POST", &path, Some(&body)).await?;
            for words in items(&plan, "/words") {
                eprintln!("{}", words.as_str().unwrap_or_default());
            }
            self.confirm(false, "Sign this?")?;
            body["sign"] = json!(true);
        }
        let done = |json: &Json| {
            if yes {
                items(json, "/words").iter().for_each(|words| line(words.as_str().unwrap_or_default()));
            }
            line(format!("granted: {}", text(json, "/id")));
            line("if the app is on another machine, give it this line for `atlas id import`:");
            line(text(json, "/line"));
        };
        self.show("POST", &path, Some(body), done).await
    }

    /// Goes on only if someone says yes.
    fn confirm(&self, yes: bool, question: &str) -> Result<(), Failure> {
        if yes {
            return Ok(());
        }
        if !std::io::stdin().is_terminal() {
            return Err(misuse("this asks before it signs, and there is no terminal: add --yes"));
        }
        eprint!("{question} [y/N] ");
        let mut said = String::new();
        std::io::stderr()
            .flush()
            .and_then(|()| std::io::stdin().read_line(&mut said))
            .map_err(|error| NodeError::Unavailable(format!("the terminal could not be read: {error}")))?;
        if matches!(said.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(NodeError::from(atlas_node::Refusal::new("not-confirmed", "nothing was done")).into())
    }

    async fn export_identity(
        &self,
        name: Option<String>,
        sheet: bool,
        public: bool,
        remove_root: bool,
        yes: bool,
    ) -> Outcome {
        let at = format!("/v1/identities/{}", name_or_only(name.as_deref()));
        let (form, passphrase) = match (sheet, public) {
            (true, _) => ("sheet", None),
            (_, true) => ("public", None),
            _ => ("bundle", passphrase::read(Purpose::New("the bundle"))?),
        };
        if remove_root {
            self.confirm(yes, "Take the root keys off this machine, once they are written?")?;
        }
        let request = json!({ "form": form, "passphrase": passphrase });
        let answer = self.client.ask("POST", &format!("{at}/export"), Some(&request)).await?;
        if self.json {
            line(answer.to_string());
        } else {
            line(text(&answer, "/text").trim_end());
        }
        std::io::stdout().flush().map_err(|error| {
            NodeError::Unavailable(format!("the output could not be written ({error}): the root keys were left here"))
        })?;
        if remove_root {
            let gone = self.client.ask("DELETE", &format!("{at}/root"), None).await?;
            eprintln!("{} root keys were taken off this machine", number(&gone, "/keys"));
        }
        match form {
            "bundle" => eprintln!("this bundle holds a device key for one other machine: do not import it on two"),
            "sheet" => eprintln!("whoever has this page has the identity: print it, and keep no copy on a disk"),
            _ => {}
        }
        Ok(ExitCode::SUCCESS)
    }

    async fn import_identity(&self, from: &str, name: Option<String>) -> Outcome {
        let content = match from {
            "-" => {
                let mut content = String::new();
                std::io::stdin()
                    .read_to_string(&mut content)
                    .map_err(|error| unreadable(Path::new("standard input"), error))?;
                content
            }
            line if line.starts_with("atlas-identity:") => line.to_owned(),
            path => std::fs::read_to_string(path).map_err(|error| unreadable(Path::new(path), error))?,
        };
        let passphrase = match atlas_node::Node::is_sealed(&content) {
            true => passphrase::read(Purpose::Open("the bundle"))?,
            false => None,
        };
        let request = json!({ "text": content, "passphrase": passphrase, "name": name });
        let done = |json: &Json| {
            match (text(json, "/name"), text(json, "/identity")) {
                ("", id) => line(format!("this node knows {id} as it is now")),
                (name, "") => line(format!("the keys are here as `{name}`")),
                (name, id) => line(format!("{id} is here as `{name}`")),
            }
            if !text(json, "/next").is_empty() {
                line(text(json, "/next"));
            }
        };
        self.show("POST", "/v1/identity-imports", Some(request), done).await
    }
}

fn kept(keep: &Keep) -> &'static str {
    match (keep.keep_nothing, keep.keep_until) {
        (true, _) => "nothing that it wrote is kept",
        (_, Some(_)) => "what it wrote before then is kept",
        _ => "what it wrote until now is kept",
    }
}

/// `RECORDS/DURATION`, as 10/1min.
fn parse_rate(text: &str) -> Result<Json, Failure> {
    let wrong = || misuse(format!("`{text}` is no rate: write RECORDS/DURATION, as 10/1min"));
    let (records, per) = text.split_once('/').ok_or_else(wrong)?;
    let per = humantime::parse_duration(per.trim()).map_err(|_| wrong())?;
    let records: u64 = records.trim().parse().map_err(|_| wrong())?;
    let per_ms = u64::try_from(per.as_millis()).map_err(|_| wrong())?;
    if records == 0 || per_ms == 0 {
        return Err(wrong());
    }
    Ok(json!({ "records": records, "per_ms": per_ms }))
}

fn root_change(root: Root) -> Json {
    let set = |keys: Vec<String>, threshold: Option<u64>, none: bool| {
        if keys.is_empty() && !none {
            return Json::Null;
        }
        let most = keys.len() as u64;
        json!({ "keys": keys, "threshold": threshold.unwrap_or(most / 2 + 1) })
    };
    json!({
        "recovery": set(root.recovery, root.recovery_threshold, root.no_recovery),
        "witnesses": set(root.witnesses, root.witness_quorum, root.no_witnesses),
        "instead_of": root.instead_of,
    })
}

fn created(kind: &str, json: &Json) {
    match kind {
        // One line that a script can hand on.
        "app" | "device" => line(text(json, "/request")),
        "recovery" => line(text(json, "/keys/0/key")),
        _ => line(format!("{}  {}", text(json, "/name"), text(json, "/id"))),
    }
}

fn list(json: &Json) {
    let row = |one: &Json| {
        let what = match (text(one, "/kind"), text(one, "/id")) {
            ("app", _) => "an app".to_owned(),
            (_, "") => "not added to an identity yet".to_owned(),
            (_, id) => id.to_owned(),
        };
        vec![text(one, "/name").to_owned(), what]
    };
    match items(json, "") {
        [] => line("no identities yet: make one with `atlas id new NAME`"),
        all => table(&all.iter().map(row).collect::<Vec<_>>()),
    }
}

fn device_line(key: &Json, of: &Json) -> String {
    let here = if *key == of["this_device"] { "  (this machine)" } else { "" };
    format!("{}{here}", key.as_str().unwrap_or_default())
}

fn entry(json: &Json) {
    line(format!("{}  {}", text(json, "/name"), text(json, "/id")));
    if !text(json, "/disputed").is_empty() {
        line(format!("  DISPUTED: {}", text(json, "/disputed")));
    }
    for key in items(json, "/root") {
        let here = items(json, "/keys").iter().any(|held| held["key"] == *key);
        line(format!(
            "  root    {}{}",
            key.as_str().unwrap_or_default(),
            if here { "  (its secret is here)" } else { "" }
        ));
    }
    for key in items(json, "/devices") {
        line(format!("  device  {}", device_line(key, json)));
    }
    for held in items(json, "/keys").iter().filter(|held| ["app", "recovery"].contains(&text(held, "/role"))) {
        line(format!("  {:<7} {}", text(held, "/role"), text(held, "/key")));
    }
    for grant in items(json, "/granted") {
        line(format!("  granted by {}: {}", text(grant, "/by"), text(grant, "/id")));
        for words in items(grant, "/words") {
            line(format!("    {}", words.as_str().unwrap_or_default()));
        }
        if !text(grant, "/ended").is_empty() {
            line(format!("    ENDED: {}", text(grant, "/ended")));
        }
    }
    if !text(json, "/request").is_empty() {
        line("  asks with this line:");
        line(format!("  {}", text(json, "/request")));
    }
    if !items(json, "/story").is_empty() {
        line("  what happened:");
    }
    for chapter in items(json, "/story") {
        let attested = match number(chapter, "/receipts") {
            0 => String::new(),
            count => format!("  [{count} receipts]"),
        };
        line(format!("  {}  {}{attested}", time::show(number(chapter, "/at")), text(chapter, "/text")));
        line(format!("      {} {}", text(chapter, "/what"), text(chapter, "/id")));
        if !text(chapter, "/ended").is_empty() {
            line(format!("      ENDED: {}", text(chapter, "/ended")));
        }
    }
}
