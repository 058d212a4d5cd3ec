//! Identities in plain words: what a grant allows, and what has happened so far.

use atlas_record::identity::{Action, Grant, SignedEvent, Target};
use serde::Serialize;

use crate::authority::when;
use crate::error::NodeError;
use crate::node::Node;

/// One line of an identity's story.
#[derive(Debug, Clone, Serialize, utoipa::ToSchema)]
pub struct Chapter {
    /// When, by the clock of whoever signed. Milliseconds since the Unix epoch.
    pub at: u64,
    /// `genesis`, `rotate`, `device-add`, `device-remove`, `recover`, `close`, `grant`,
    /// `revocation`.
    pub what: &'static str,
    /// The id of the event, grant or revocation.
    pub id: String,
    /// In words.
    pub text: String,
    /// Why it does not count (any more), if so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// How many witnesses attest it.
    pub receipts: usize,
}

fn list<T: ToString>(items: impl IntoIterator<Item = T>) -> String {
    items.into_iter().map(|item| item.to_string()).collect::<Vec<_>>().join(", ")
}

fn of(count: usize, what: &str) -> String {
    if count == 1 { format!("one {what}") } else { format!("{count} {what}s") }
}

impl Node {
    /// What a grant allows, in plain words, a line each.
    pub fn grant_words(&self, grant: &Grant) -> Vec<String> {
        let scope = &grant.scope;
        let space = |id| match self.spaces().get(id) {
            Some(space) => format!("`{}` ({id})", space.name),
            None => format!("{id}, which this node does not hold"),
        };
        let mut lines = vec![
            format!("“{}”, key {},", grant.label, grant.audience),
            format!("may {} records of type {}", list(&scope.actions), list(scope.types.iter().map(|it| it.as_str()))),
            format!("in the name of {}", self.name_identity(&grant.identity)),
            format!("in space {}", list(scope.spaces.iter().map(space))),
            format!("from {} until {}", when(scope.not_before), when(scope.expires)),
        ];
        if let Some(rate) = &scope.rate {
            let per = humantime::format_duration(std::time::Duration::from_millis(rate.per_ms));
            lines.push(format!("at most {} records in any {per}", rate.records));
        }
        lines.push(match scope.depth {
            0 => "It cannot pass this on.".to_owned(),
            1 => "It can pass this, or a part of it, on once.".to_owned(),
            depth => format!("It can pass this, or a part of it, on, {depth} times over."),
        });
        if scope.allows("replace") {
            lines.push(
                "It can overwrite any of the identity's own records of these types there, also those it did not write."
                    .to_owned(),
            );
        }
        if scope.allows("delete") {
            lines.push(
                "It can take back any of the identity's own records of these types there, also those it did not write."
                    .to_owned(),
            );
        }
        lines
    }

    /// Everything that has happened to an identity, in the order of its log, then grants and
    /// revocations by time.
    pub fn story(&self, identity: &atlas_record::identity::Identity) -> Result<Vec<Chapter>, NodeError> {
        let log = identity.log();
        let receipts = |id: &[u8; 32]| log.receipts().of(id).count();
        let mut story = Vec::new();
        for event in log.events() {
            let (what, text) = self.event_words(event);
            let id = event.id();
            story.push(Chapter {
                at: event.event().created,
                what,
                id: id.to_string(),
                text,
                ended: None,
                receipts: receipts(&id.0),
            });
        }
        for event in log.set_aside() {
            let (what, text) = self.event_words(event);
            let id = event.id();
            let ended = Some(match log.duplicity() {
                Some(dispute) => format!("disputed: several events follow event {}", dispute.after),
                None => "nullified: another event stands in its place".to_owned(),
            });
            story.push(Chapter {
                at: event.event().created,
                what,
                id: id.to_string(),
                text,
                ended,
                receipts: receipts(&id.0),
            });
        }
        let mut beside = Vec::new();
        for grant in identity.grants() {
            let (id, statement) = (grant.id(), grant.statement());
            let by = self.name_key(&statement.issuer);
            let words = self.grant_words(statement).join(" ").replace(" It can", ". It can");
            let text = format!("granted by {by}: {words}");
            let cause = identity.causes(&statement.audience, Some(&id));
            let ended = match cause.first() {
                Some(cause) => Some(self.explain(identity, cause)),
                None if statement.scope.expires <= crate::clock::now() => {
                    Some(format!("expired on {}", when(statement.scope.expires)))
                }
                None => None,
            };
            let receipts = receipts(&id.0);
            beside.push(Chapter { at: statement.created, what: "grant", id: id.to_string(), text, ended, receipts });
        }
        for revocation in identity.revocations() {
            let (id, statement) = (revocation.id(), revocation.statement());
            let target = match statement.target {
                Target::Key(key) => self.name_key(&key),
                Target::Grant(grant) => format!("grant {grant}"),
            };
            let kept = match statement.keep.positions.len() {
                0 => "nothing it wrote is kept".to_owned(),
                count => format!("what it wrote until then is kept in {}", of(count, "space")),
            };
            let reason =
                if statement.reason.is_empty() { String::new() } else { format!(": “{}”", statement.reason) };
            let text = format!("{target} was revoked by {}; {kept}{reason}", self.name_key(&statement.issuer));
            let receipts = receipts(&id.0);
            beside.push(Chapter {
                at: statement.created,
                what: "revocation",
                id: id.to_string(),
                text,
                ended: None,
                receipts,
            });
        }
        beside.sort_by_key(|chapter| chapter.at);
        story.append(&mut beside);
        Ok(story)
    }

    fn event_words(&self, event: &SignedEvent) -> (&'static str, String) {
        let established = |it: &atlas_record::identity::Establishment| {
            let mut text = format!(
                "{} of {} must sign; {} committed",
                it.root.threshold,
                of(it.root.keys.len(), "root key"),
                of(it.next.digests.len(), "next key")
            );
            if let Some(set) = &it.recovery {
                text += &format!("; recovery by {} of {}", set.threshold, of(set.keys.len(), "key"));
            }
            if let Some(set) = &it.witnesses {
                text += &format!("; {} of {} attest", set.threshold, of(set.keys.len(), "witness key"));
            }
            text
        };
        let kept = |keep: &atlas_record::identity::Keep| match keep.positions.len() {
            0 => "nothing it signed is kept".to_owned(),
            count => format!("what it signed until then is kept in {}", of(count, "space")),
        };
        match &event.event().action {
            Action::Genesis { establishment, devices, .. } => {
                let devices = list(devices.iter().map(|key| self.name_key(key)));
                ("genesis", format!("created, with device {devices}; {}", established(establishment)))
            }
            Action::Rotate(after) => {
                ("rotate", format!("root keys replaced by the committed ones; {}", established(after)))
            }
            Action::AddDevice(key) => ("device-add", format!("device {} added", self.name_key(key))),
            Action::RemoveDevice { key, keep } => {
                ("device-remove", format!("device {} removed; {}", self.name_key(key), kept(keep)))
            }
            Action::Recover(after) => {
                ("recover", format!("root keys replaced by the recovery set; {}", established(after)))
            }
            Action::Close { keep, .. } => ("close", format!("closed; {}", kept(keep))),
        }
    }
}
