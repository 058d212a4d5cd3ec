//! In whose name a key of this machine may write, and why it may not.

use atlas_keys::Kind;
use atlas_record::identity::{Action, Cause, Identity, NotCovered, Rate, scope};
use atlas_record::{GrantId, IdentityId, Timestamp, TypeName};

use crate::error::{NodeError, Refusal};
use crate::identities::Local;
use crate::node::Node;
use crate::spaces::Space;

/// What lets a key write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Authority {
    /// In whose name.
    pub author: IdentityId,
    /// Under which grant; a device needs none.
    pub grant: Option<GrantId>,
    /// Whether it may only write where none of the author's records stands.
    pub creates_only: bool,
    /// How often, if that is bounded.
    pub rate: Option<Rate>,
}

/// A time for people.
pub(crate) fn when(at: Timestamp) -> String {
    let at = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_millis(at));
    at.map_or_else(
        || "a time beyond all calendars".to_owned(),
        |at| humantime::format_rfc3339_seconds(at).to_string().replace('T', " ").replace('Z', " UTC"),
    )
}

/// Why something does not count, in words: what ended it, when and by whom.
pub fn explain(identity: &Identity, cause: &Cause, name: impl Fn(&atlas_record::id::PublicKey) -> String) -> String {
    match cause {
        Cause::NotOnLog => match identity.log().duplicity() {
            Some(dispute) => format!(
                "the identity's log is disputed: {} events follow event {}, and no witnesses decide between them",
                dispute.successors.len(),
                dispute.after
            ),
            None => "the identity's log does not name the key".to_owned(),
        },
        Cause::Event(id) => match identity.log().event(id).map(|signed| signed.event()) {
            Some(event) => match &event.action {
                Action::Close { .. } => format!("the identity was closed on {}", when(event.created)),
                Action::RemoveDevice { key, .. } => {
                    format!("device {} was removed on {} by the root keys", name(key), when(event.created))
                }
                _ => format!("event {id} ended it on {}", when(event.created)),
            },
            None => format!("event {id} ended it"),
        },
        Cause::Revoked(id) => match identity.revocation(id).map(|signed| signed.statement()) {
            Some(revocation) => {
                let reason = match revocation.reason.as_str() {
                    "" => String::new(),
                    reason => format!(": “{reason}”"),
                };
                format!("revoked on {} by {}{reason}", when(revocation.created), name(&revocation.issuer))
            }
            None => format!("revocation {id} ended it"),
        },
    }
}

impl Node {
    /// What lets a key of this machine do something now. The refusal gives the exact reason.
    pub fn authority(
        &self,
        local: &Local,
        space: &Space,
        type_name: &TypeName,
        action: &'static str,
        now: Timestamp,
    ) -> Result<Authority, NodeError> {
        match local.kind {
            Kind::Identity => self.device_authority(local),
            Kind::App => self.app_authority(local, space, type_name, action, now),
        }
    }

    /// What lets a device sign: that its identity's log names it, and nothing has ended it.
    pub fn device_authority(&self, local: &Local) -> Result<Authority, NodeError> {
        if local.kind == Kind::App {
            let text = format!("`{}` is an app, and this takes a device of an identity", local.name);
            return Err(Refusal::new("not-a-device", text).hint("say which identity with --as NAME").into());
        }
        let not_yet = || {
            Refusal::new("not-a-device", format!("`{}` is no device of any identity yet", local.name))
                .hint("hand its request to the identity's owner (`atlas id show NAME` prints it), and give the answer to `atlas id import`")
        };
        let author = local.identity.ok_or_else(not_yet)?;
        let identity = self.identity(&author)?.ok_or_else(|| {
            NodeError::missing("identity", author, "its log is not here: import the bundle that it came with again")
        })?;
        let key = local.key();
        if !identity.log().ever_named(&key) {
            return Err(not_yet().into());
        }
        if let Some(cause) = identity.causes(&key, None).first() {
            let text =
                format!("{} no longer signs for {author}: {}", self.name_key(&key), self.explain(&identity, cause));
            return Err(Refusal::new("revoked", text).into());
        }
        Ok(Authority { author, grant: None, creates_only: false, rate: None })
    }

    fn app_authority(
        &self,
        local: &Local,
        space: &Space,
        type_name: &TypeName,
        action: &'static str,
        now: Timestamp,
    ) -> Result<Authority, NodeError> {
        let key = local.key();
        let mut granted = self.people().granted_to(&key)?;
        if let Some(wanted) = local.identity {
            granted.retain(|(identity, _)| *identity == wanted);
        }
        let mut good: Vec<(Timestamp, Authority)> = Vec::new();
        // Of the grants that do not cover it, the one that comes closest says why.
        let mut closest: Option<(u32, Refusal)> = None;
        for (author, id) in granted {
            let Some(identity) = self.identity(&author)? else { continue };
            let Some(grant) = identity.grant(&id).map(|signed| signed.statement()) else { continue };
            let ended = identity.causes(&key, Some(&id));
            let (near, refusal) = match (covers(&grant.scope, space, type_name, action, now), ended.first()) {
                (Ok(()), None) => {
                    let creates_only = !grant.scope.allows(scope::Action::REPLACE);
                    let authority = Authority { author, grant: Some(id), creates_only, rate: grant.scope.rate };
                    good.push((grant.scope.expires, authority));
                    continue;
                }
                (Ok(()), Some(cause)) => {
                    let text = format!("the grant to `{}` was {}", local.name, self.explain(&identity, cause));
                    (6, Refusal::new("revoked", text).hint("ask for a new one with a new key: atlas id new --app NAME"))
                }
                (Err((near, reason)), _) => {
                    let text = match &reason {
                        NotCovered::Space(_) => format!("the grant does not cover space `{}`", space.name),
                        NotCovered::Expired(at) => format!("the grant expired on {}", when(*at)),
                        NotCovered::Early(at) => format!("the grant holds from {} on", when(*at)),
                        other => other.to_string(),
                    };
                    let text = format!("`{}` may not do this for {}: {text}", local.name, self.name_identity(&author));
                    (near, Refusal::new(reason.code(), text).hint(self.grant_hint(&author, &local.name)))
                }
            };
            if closest.as_ref().is_none_or(|(so_far, _)| near > *so_far) {
                closest = Some((near, refusal));
            }
        }
        let mut authors: Vec<IdentityId> = good.iter().map(|(_, it)| it.author).collect();
        authors.sort_unstable();
        authors.dedup();
        if authors.len() > 1 {
            let names: Vec<String> = authors.iter().map(|id| self.name_identity(id)).collect();
            return Err(NodeError::Misuse(format!(
                "{} have each granted this to `{}`: say for whom with --as {}@IDENTITY",
                names.join(" and "),
                local.name,
                local.name
            )));
        }
        // The one that allows most, then the one that holds longest.
        good.sort_by_key(|(expires, it)| (it.creates_only, it.rate.is_some(), std::cmp::Reverse(*expires)));
        if let Some((_, authority)) = good.into_iter().next() {
            return Ok(authority);
        }
        Err(closest.map_or_else(
            || {
                Refusal::new("no-grant", format!("nobody has granted anything to `{}` yet", local.name))
                    .hint("hand its request to an identity: atlas id grant REQUEST --as NAME …")
                    .into()
            },
            |(_, refusal)| refusal.into(),
        ))
    }

    fn grant_hint(&self, author: &IdentityId, app: &str) -> String {
        let name = self.identities().name_of(author).unwrap_or_else(|| "OWNER".to_owned());
        format!("the owner can grant more: atlas id grant {app} --as {name} --types … --actions … --space …")
    }

    /// Why something does not count, with the names that this machine knows.
    pub fn explain(&self, identity: &Identity, cause: &Cause) -> String {
        explain(identity, cause, |key| self.name_key(key))
    }

    /// A key as people here know it.
    pub fn name_key(&self, key: &atlas_record::id::PublicKey) -> String {
        match self.identities().name_of_key(key) {
            Some(name) => format!("`{name}` ({key})"),
            None => key.to_string(),
        }
    }

    /// An identity as people here know it.
    pub fn name_identity(&self, id: &IdentityId) -> String {
        match self.identities().name_of(id) {
            Some(name) => format!("`{name}`"),
            None => id.to_string(),
        }
    }
}

/// Whether a scope covers what is about to be written; if not, how near it comes, and why.
fn covers(
    scope: &scope::Scope,
    space: &Space,
    type_name: &TypeName,
    action: &'static str,
    now: Timestamp,
) -> Result<(), (u32, NotCovered)> {
    if !scope.spaces.contains(&space.id) {
        Err((1, NotCovered::Space(space.id)))
    } else if !scope.types.contains(type_name) {
        Err((2, NotCovered::Type(type_name.clone())))
    } else if !scope.allows(action) {
        Err((3, NotCovered::Action(action)))
    } else if now < scope.not_before {
        Err((4, NotCovered::Early(scope.not_before)))
    } else if now >= scope.expires {
        Err((5, NotCovered::Expired(scope.expires)))
    } else {
        Ok(())
    }
}
