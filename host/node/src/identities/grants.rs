//! Grants and revocations, and the requests that ask for them.

use std::collections::BTreeSet;

use atlas_keys::{Kind, Role};
use atlas_record::id::PublicKey;
use atlas_record::identity::scope::{Action, LONGEST_MS};
use atlas_record::identity::{
    Asks, Grant, Identity, Keep, Rate, Request, RequestKind, Revocation, Scope, Signed, Target,
};
use atlas_record::{GrantId, IdentityId, RevocationId, SpaceId, Timestamp, TypeName};
use atlas_store::{Batch, DocKind};

use super::root::KeepUntil;
use super::{Local, fresh_key, random};
use crate::error::{NodeError, Refusal};
use crate::node::Node;
use crate::people::Piece;

/// How long a grant holds where nothing is said: 30 days.
pub const USUAL_MS: u64 = 30 * 24 * 60 * 60 * 1000;

/// What someone wants to grant.
#[derive(Debug, Clone)]
pub struct NewGrant {
    /// The key that may act.
    pub audience: PublicKey,
    /// What it is called.
    pub label: String,
    /// Types.
    pub types: BTreeSet<TypeName>,
    /// Actions.
    pub actions: BTreeSet<Action>,
    /// Spaces.
    pub spaces: BTreeSet<SpaceId>,
    /// From when; now if left out.
    pub not_before: Option<Timestamp>,
    /// Until when; [`USUAL_MS`] from the beginning if left out.
    pub expires: Option<Timestamp>,
    /// How many times it may be passed on.
    pub depth: u64,
    /// How often it may write.
    pub rate: Option<Rate>,
}

fn request_key(name: &str) -> Vec<u8> {
    [b"request/", name.as_bytes()].concat()
}

impl Node {
    /// Makes an app's key, and the line by which it asks for a grant.
    pub fn create_app(&self, name: &str, asks: Asks, now: Timestamp) -> Result<String, NodeError> {
        self.create_asking(name, RequestKind::App, asks, now)
    }

    /// Makes a device key for an identity whose root keys are elsewhere, and the line by which it
    /// asks to be added.
    pub fn create_device(&self, name: &str, now: Timestamp) -> Result<String, NodeError> {
        self.create_asking(name, RequestKind::Device, Asks::default(), now)
    }

    fn create_asking(&self, name: &str, kind: RequestKind, asks: Asks, now: Timestamp) -> Result<String, NodeError> {
        self.identities().check_free(name)?;
        let key = fresh_key();
        let request = Request { kind, key: key.public(), label: name.to_owned(), asks, created: now };
        let line = request.to_line(&key);
        line.parse::<Request>().map_err(|error| NodeError::Misuse(error.to_string()))?;
        let (of, role) = match kind {
            RequestKind::App => (Kind::App, Role::App),
            RequestKind::Device => (Kind::Identity, Role::Device),
        };
        self.identities().keyring().add(name, of, None, &[(role, key)])?;
        let mut batch = Batch::new();
        batch.put_doc(DocKind::Setting, request_key(name), line.as_bytes());
        self.store().commit(batch)?;
        Ok(line)
    }

    /// The line by which an app or a device of this machine asked.
    pub fn request_of(&self, name: &str) -> Result<Option<String>, NodeError> {
        let line = self.store().doc(DocKind::Setting, &request_key(name))?;
        Ok(line.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    /// What asks: a request's line, or the name of an app on this machine.
    pub fn find_request(&self, text: &str) -> Result<Request, NodeError> {
        let line = match self.request_of(text)? {
            Some(line) => line,
            None => text.to_owned(),
        };
        line.parse::<Request>()
            .map_err(|error| NodeError::Misuse(format!("{error}; an app makes one with `atlas id new --app NAME`")))
    }

    /// The types and actions of a named scope set: what a record of such a type says in its
    /// fields `types` and `actions`.
    pub fn scope_set(&self, text: &str) -> Result<(BTreeSet<TypeName>, BTreeSet<Action>), NodeError> {
        let stored = match text.parse::<atlas_record::RecordId>() {
            Ok(id) => self.store().get(&id)?,
            Err(_) => {
                let address = text.parse().map_err(|error| NodeError::Misuse(format!("{error}")))?;
                self.store().current(&address)?
            }
        };
        let stored = stored.filter(|stored| stored.status.is_visible()).ok_or_else(|| {
            NodeError::missing("scope set", text, "name a record of type atlas.scope by address or id")
        })?;
        let body = stored.record.payload().map(|payload| payload.body.to_map()).unwrap_or_default();
        let list = |field: &str| -> Vec<String> {
            let items = body.get(field).and_then(atlas_record::Value::as_list).unwrap_or_default();
            items.iter().filter_map(atlas_record::Value::as_text).map(str::to_owned).collect()
        };
        let wrong =
            |error: atlas_record::name::NameError| NodeError::Misuse(format!("the scope set `{text}` names {error}"));
        let types = list("types").iter().map(|it| it.parse()).collect::<Result<_, _>>().map_err(wrong)?;
        let actions = list("actions").iter().map(|it| it.parse()).collect::<Result<_, _>>().map_err(wrong)?;
        Ok((types, actions))
    }

    /// The grant as it would be signed, by a device or by an app that passes on what it has.
    pub fn plan_grant(&self, issuer: &Local, new: NewGrant, now: Timestamp) -> Result<Grant, NodeError> {
        let not_before = new.not_before.unwrap_or(now);
        let scope = Scope {
            types: new.types,
            actions: new.actions,
            spaces: new.spaces,
            not_before,
            expires: new.expires.unwrap_or(not_before.saturating_add(USUAL_MS)),
            depth: new.depth,
            rate: new.rate,
        };
        check(&scope)?;
        let (identity, parent) = match issuer.kind {
            Kind::Identity => (self.device_authority(issuer)?.author, None),
            Kind::App => self.parent_for(issuer, &scope)?,
        };
        Ok(Grant {
            identity,
            issuer: issuer.key(),
            parent,
            audience: new.audience,
            label: new.label,
            scope,
            created: now,
            nonce: random(),
        })
    }

    /// The grant that an app can pass a scope on from.
    fn parent_for(&self, issuer: &Local, scope: &Scope) -> Result<(IdentityId, Option<GrantId>), NodeError> {
        let key = issuer.key();
        let mut why = None;
        for (author, id) in self.people().granted_to(&key)? {
            let Some(identity) = self.identity(&author)? else { continue };
            let Some(grant) = identity.grant(&id) else { continue };
            if let Some(cause) = identity.causes(&key, Some(&id)).first() {
                why = Some(format!("the grant to `{}` is {}", issuer.name, self.explain(&identity, cause)));
                continue;
            }
            match scope.within(&grant.statement().scope) {
                Ok(()) => return Ok((author, Some(id))),
                Err(wider) => {
                    why = Some(format!("`{}` cannot pass on what it does not have: {wider}", issuer.name));
                }
            }
        }
        let text = why.unwrap_or_else(|| format!("nobody has granted anything to `{}`", issuer.name));
        Err(Refusal::new("grant-too-wide", text)
            .hint("ask a device of the owner to grant it instead: --as OWNER")
            .into())
    }

    /// Signs a grant and keeps it.
    pub fn grant(&self, issuer: &Local, grant: &Grant) -> Result<Signed<Grant>, NodeError> {
        let signed = grant.sign(&issuer.secret).map_err(|error| NodeError::Misuse(error.to_string()))?;
        match self.learn(grant.identity, vec![Piece::Grant(signed.clone())])?.into_iter().next() {
            Some(refusal) => Err(refusal.into()),
            None => Ok(signed),
        }
    }

    /// What a text names that can be revoked: an app of this machine, a key, a grant.
    pub fn find_target(&self, identity: &Identity, text: &str) -> Result<Target, NodeError> {
        if let Ok(id) = text.parse::<GrantId>()
            && identity.grant(&id).is_some()
        {
            return Ok(Target::Grant(id));
        }
        let key = match text.parse::<PublicKey>() {
            Ok(key) => Some(key),
            Err(_) => self.identities().keyring().entry(text).ok().and_then(|entry| entry.in_role(Role::App).next()),
        };
        // An app elsewhere is known by the name that it was granted under.
        let mut labelled: Vec<PublicKey> = identity
            .grants()
            .iter()
            .filter(|grant| grant.statement().label == text)
            .map(|grant| grant.statement().audience)
            .collect();
        labelled.sort_unstable();
        labelled.dedup();
        let key = key.or_else(|| if let [only] = labelled[..] { Some(only) } else { None });
        match key {
            Some(key) if identity.grants_to(&key).next().is_some() => Ok(Target::Key(key)),
            Some(key) if identity.log().ever_named(&key) => {
                Err(NodeError::Misuse(format!("{key} is a device: end it with `atlas id device remove`")))
            }
            _ if labelled.len() > 1 => Err(NodeError::Misuse(format!(
                "several keys were granted something as `{text}`: say which one ({})",
                labelled.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
            ))),
            _ => Err(NodeError::missing("grant", text, "name an app, a key or a grant that `atlas id show` lists")),
        }
    }

    /// Ends what was granted. What it did stays as far as `until` says.
    pub fn revoke(
        &self,
        issuer: &Local,
        identity: &Identity,
        target: Target,
        until: KeepUntil,
        reason: &str,
    ) -> Result<RevocationId, NodeError> {
        if issuer.kind == Kind::Identity {
            self.device_authority(issuer)?;
        }
        // What was passed on ends with it, and what was written under that stays as well.
        let mut keys: BTreeSet<PublicKey> = BTreeSet::new();
        let mut ends = |grant: &Signed<Grant>| {
            let mut at = Some(grant);
            while let Some(link) = at {
                let hit = match target {
                    Target::Grant(id) => link.id() == id,
                    Target::Key(key) => link.statement().audience == key,
                };
                if hit {
                    keys.insert(grant.statement().audience);
                    return;
                }
                at = link.statement().parent.and_then(|id| identity.grant(&id));
            }
        };
        identity.grants().into_iter().for_each(&mut ends);
        let keys: Vec<PublicKey> = keys.into_iter().collect();
        let revocation = Revocation {
            identity: identity.id(),
            issuer: issuer.key(),
            target,
            keep: Keep { positions: self.positions(&keys, until)?, statements: Vec::new() }.normal(),
            created: crate::clock::now(),
            reason: reason.to_owned(),
        };
        let signed = revocation.sign(&issuer.secret).map_err(|error| NodeError::Misuse(error.to_string()))?;
        let id = signed.id();
        if let Some(refusal) = self.learn(identity.id(), vec![Piece::Revocation(signed)])?.into_iter().next() {
            return Err(refusal.into());
        }
        let now = self.identity(&identity.id())?.is_some_and(|identity| identity.revocation(&id).is_some());
        if now {
            return Ok(id);
        }
        let text = format!("`{}` may not revoke this: it did not grant it", issuer.name);
        Err(Refusal::new("not-the-issuer", text).hint("a device of the identity can: --as OWNER").into())
    }
}

fn check(scope: &Scope) -> Result<(), NodeError> {
    let empty = [
        (scope.types.is_empty(), "--types"),
        (scope.actions.is_empty(), "--actions"),
        (scope.spaces.is_empty(), "--space"),
    ];
    if let Some((_, flag)) = empty.iter().find(|(empty, _)| *empty) {
        return Err(NodeError::Misuse(format!("a grant names what it allows: say it with {flag}")));
    }
    if scope.expires <= scope.not_before {
        return Err(NodeError::Misuse("the grant would end before it begins".into()));
    }
    if scope.expires - scope.not_before > LONGEST_MS {
        return Err(NodeError::Misuse(
            "a grant holds for 90 days at most: say less with --expires, and grant again then".into(),
        ));
    }
    if scope.allows(Action::REPLACE) && !scope.allows(Action::CREATE) {
        return Err(NodeError::Misuse("`replace` goes with `create`: grant both, or neither".into()));
    }
    Ok(())
}
