//! Commands about the network: peers, invitations, members.

use atlas_node::net::{self, NetConfig};
use serde_json::{Value as Json, json};

use crate::args::{Deny, Member, Network, Peer};
use crate::commands::{Outcome, Session, escape, misuse};
use crate::output::{bytes, items, line, number, table, text};
use crate::time;

/// The part in the network that was asked for; none for a node that stays off it.
pub fn config(args: Network) -> Result<Option<NetConfig>, atlas_node::client::Failure> {
    if args.offline {
        return Ok(None);
    }
    let addresses = |texts: &[String]| texts.iter().map(|text| net::address(text)).collect::<Result<Vec<_>, _>>();
    let mut listen = Vec::new();
    for text in &args.listen {
        match text.parse::<u16>() {
            Ok(port) => listen.extend(net::everywhere(port)),
            Err(_) => listen.push(net::address(text)?),
        }
    }
    let usual = NetConfig::default();
    Ok(Some(NetConfig {
        any_port: listen.is_empty(),
        listen: if listen.is_empty() { usual.listen } else { listen },
        mdns: args.mdns,
        dht: args.dht,
        relay: match args.relay.as_deref() {
            None => usual.relay,
            Some(text) => net::relay(text).ok_or_else(|| misuse("--relay takes on, off or auto"))?,
        },
        peers: addresses(&args.peers)?,
        external: addresses(&args.external)?,
        closed: args.closed_network,
    }))
}

/// This node on the network, in words.
pub fn network(json: &Json) {
    line(format!("network  peer {}", text(json, "/peer")));
    for address in items(json, "/addresses").iter().filter_map(Json::as_str) {
        line(format!("  at {address}"));
    }
    let reach = match text(json, "/reachability") {
        "public" => "strangers can reach this node",
        "private" => "strangers cannot reach this node: it dials others, and uses relays",
        _ => "nobody has tested whether strangers can reach this node",
    };
    let each = |path: &str| {
        format!("{} ({}/s)", bytes(number(json, path)), bytes(number(json, &format!("{path}_per_second"))))
    };
    line(format!("  {reach}; {} in, {} out", each("/bytes_in"), each("/bytes_out")));
    let peers: Vec<Vec<String>> = items(json, "/peers").iter().map(peer).collect();
    if peers.is_empty() {
        line("  no peers: `atlas peer add ADDRESS` connects to one, `atlas space join INVITATION` brings some");
    } else {
        table(&peers);
    }
    for space in items(json, "/spaces") {
        let name = match text(space, "/name") {
            "" => text(space, "/space"),
            name => name,
        };
        let mut words = format!(
            "  space {name}: {}; {} peers, in sync with {}",
            text(space, "/state"),
            number(space, "/peers"),
            number(space, "/in_sync_with")
        );
        if number(space, "/wanted") > 0 {
            words.push_str(&format!(", {} to fetch", number(space, "/wanted")));
        }
        if space["compared"].is_u64() {
            words.push_str(&format!(", compared {}", time::show(number(space, "/compared"))));
        }
        line(words);
        if !text(space, "/trouble").is_empty() {
            line(format!("    {}", text(space, "/trouble")));
        }
    }
    for left in items(json, "/left") {
        let until = match left["until"].as_u64() {
            Some(until) => format!("until {}", time::show(until)),
            None => "until `atlas peer unblock`".to_owned(),
        };
        line(format!("  left {}: {} {until}", text(left, "/peer"), text(left, "/reason")));
    }
}

fn peer(json: &Json) -> Vec<String> {
    let way = match (json["relayed"].as_bool(), json["dialed"].as_bool()) {
        (Some(true), _) => "through a relay",
        (_, Some(true)) => "dialed",
        _ => "came",
    };
    let rtt = json["rtt_ms"].as_u64().map(|rtt| format!("{rtt} ms")).unwrap_or_default();
    let standing = match text(json, "/reason") {
        "" => text(json, "/standing").to_owned(),
        reason => format!("{}: it {reason}", text(json, "/standing")),
    };
    vec![
        format!("  {}", text(json, "/peer")),
        text(json, "/address").to_owned(),
        way.to_owned(),
        rtt,
        format!("{} spaces", items(json, "/spaces").len()),
        format!("{} in, {} out", bytes(number(json, "/bytes_in")), bytes(number(json, "/bytes_out"))),
        format!("{} records/s", number(json, "/arrivals_per_second")),
        standing,
    ]
}

impl Session {
    /// Peer commands.
    pub async fn peer(&self, command: Peer) -> Outcome {
        match command {
            Peer::List => self.show("GET", "/v1/peers", None, network).await,
            Peer::Add { address } => {
                let added = |json: &Json| line(format!("connected to {}", text(json, "/peer")));
                self.show("POST", "/v1/peers", Some(json!({ "address": address })), added).await
            }
            Peer::Block { peer } => {
                let path = format!("/v1/peers/{}/block", escape(&peer));
                self.show("PUT", &path, None, |_| line(format!("blocked: {peer}"))).await
            }
            Peer::Unblock { peer } => {
                let path = format!("/v1/peers/{}/block", escape(&peer));
                self.show("DELETE", &path, None, |_| line(format!("let in again: {peer}"))).await
            }
        }
    }

    /// Commands about what is not kept.
    pub async fn deny(&self, command: Deny) -> Outcome {
        match command {
            Deny::List => {
                let list = |json: &Json| {
                    let row = |it: &Json| {
                        let since = time::show(number(it, "/since"));
                        vec![
                            text(it, "/kind").to_owned(),
                            text(it, "/id").to_owned(),
                            since,
                            text(it, "/reason").to_owned(),
                        ]
                    };
                    match items(json, "") {
                        [] => line("nothing is denied here"),
                        all => table(&all.iter().map(row).collect::<Vec<_>>()),
                    }
                };
                self.show("GET", "/v1/denied", None, list).await
            }
            Deny::Add { id, reason } => {
                let path = format!("/v1/denied/{}", escape(&id));
                let done = |_: &Json| line(format!("denied: {id}"));
                self.show("PUT", &path, Some(json!({ "reason": reason })), done).await
            }
            Deny::Remove { id } => {
                let path = format!("/v1/denied/{}", escape(&id));
                self.show("DELETE", &path, None, |_| line(format!("denied no more: {id}"))).await
            }
        }
    }

    async fn one_space(&self, name: Option<String>) -> Result<String, atlas_node::client::Failure> {
        if let Some(name) = name {
            return Ok(name);
        }
        match items(&self.client.ask("GET", "/v1/spaces", None).await?, "") {
            [one] => Ok(text(one, "/id").to_owned()),
            [] => Err(misuse("there is no space here yet: make one with `atlas space create NAME`")),
            _ => Err(misuse("several spaces are here: say which; `atlas space list` shows them")),
        }
    }

    /// Prints an invitation.
    pub async fn invite(&self, name: Option<String>) -> Outcome {
        let space = self.one_space(name).await?;
        let invite = |json: &Json| {
            line(text(json, "/line"));
            if items(json, "/peers").is_empty() {
                eprintln!(
                    "note: this node is not on the network now, so the invitation names no address; run it again while `atlas up` runs"
                );
            }
        };
        self.show("GET", &format!("/v1/spaces/{}/invite", escape(&space)), None, invite).await
    }

    /// Follows an invitation.
    pub async fn join(
        &self,
        invite: &str,
        name: Option<String>,
        types: Option<Vec<String>>,
        member: Option<String>,
    ) -> Outcome {
        let request = json!({ "invite": invite, "name": name, "types": types, "as": member });
        let joined = |json: &Json| match (json["online"].as_bool(), text(json, "/name")) {
            (_, name) if !name.is_empty() => line(format!("{name} is here already; its peers are asked again")),
            (Some(true), _) => {
                line(format!("joining {}; `atlas status` shows how far it is", text(json, "/space")));
            }
            _ => line(format!(
                "noted: {} is joined when this node goes on the network with `atlas up`",
                text(json, "/space")
            )),
        };
        self.show("POST", "/v1/joined", Some(request), joined).await
    }

    /// Leaves a space.
    pub async fn leave(&self, name: &str) -> Outcome {
        let left = |json: &Json| match text(json, "/name") {
            "" => line(format!("{} is awaited no more", text(json, "/space"))),
            name => line(format!(
                "left {name}: nothing of it is exchanged with peers; what is here stays. `atlas space join {}` joins it again",
                text(json, "/space")
            )),
        };
        self.show("DELETE", &format!("/v1/joined/{}", escape(name)), None, left).await
    }

    /// Commands about members.
    pub async fn member(&self, command: Member) -> Outcome {
        let (place, change) = match command {
            Member::List { space } => {
                let space = self.one_space(space).await?;
                return self.show("GET", &format!("/v1/spaces/{}/members", escape(&space)), None, members).await;
            }
            Member::Add { identity, place } => (place, json!({ "add": [identity] })),
            Member::Remove { identity, place } => (place, json!({ "remove": [identity] })),
        };
        let space = self.one_space(place.space).await?;
        let mut request = change;
        request["as"] = json!(place.author);
        self.show("POST", &format!("/v1/spaces/{}/members", escape(&space)), Some(request), members).await
    }
}

fn members(json: &Json) {
    if json["private"] != json!(true) {
        return line("this space is public: everyone may be in it");
    }
    match items(json, "/members") {
        [] => line("nobody is listed: the founder and the recorders are the only members"),
        all => all.iter().filter_map(Json::as_str).for_each(line),
    }
}
