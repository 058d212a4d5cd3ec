//! Who asks: the operator of this machine, or an app under its grants.
//!
//! The operator's token lies beside the data and can do everything. An app's token is bound to
//! the app's key: with it one can write as that app, which its grants decide about, and read
//! in the spaces that they name. Tokens are kept as hashes.

use std::collections::BTreeSet;

use atlas_keys::{Kind, Role};
use atlas_record::identity::scope::{Action, Scope};
use atlas_record::{BlobId, SpaceId};
use atlas_store::{Batch, DocKind, Item};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

use crate::blobs::UploadBounds;
use crate::error::{NodeError, Refusal};
use crate::identities::random;
use crate::node::Node;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Caller {
    /// Whoever can read the operator's files.
    Operator,
    /// An app of this machine, by its local name.
    App(String),
}

const TOKENS: &[u8] = b"token/";

fn token_key(token: &str) -> Vec<u8> {
    [TOKENS, blake3::hash(token.as_bytes()).as_bytes()].concat()
}

/// What an app may ask at all; what of it, is for its grants to say.
const FOR_APPS: [&str; 5] = ["/v1/records", "/v1/query", "/v1/history", "/v1/live", "/v1/blobs"];
/// The routes of single blobs.
const BLOBS: &str = "/v1/blobs/";

fn not_granted(text: String) -> NodeError {
    Refusal::new("not-granted", text).hint("an app's token reads and writes within its grants only").into()
}

impl Caller {
    /// Of a token, if it is one.
    pub fn of(node: &Node, token: &str) -> Result<Option<Self>, NodeError> {
        // Hashes compare in constant time.
        if blake3::hash(token.as_bytes()) == blake3::hash(node.token().as_bytes()) {
            return Ok(Some(Self::Operator));
        }
        let app = node.store().doc(DocKind::Setting, &token_key(token))?;
        let app = app.map(|name| String::from_utf8_lossy(&name).into_owned());
        // A token of an app whose key is gone is nobody's.
        Ok(app.filter(|name| node.identities().keyring().entry(name).is_ok()).map(Self::App))
    }

    /// Whether it may use a route.
    pub fn may_use(&self, path: &str) -> bool {
        *self == Self::Operator || FOR_APPS.contains(&path) || path.starts_with(BLOBS)
    }

    /// As whom it writes: an app as itself only.
    pub fn writes_as<'a>(&'a self, wanted: Option<&'a str>) -> Result<Option<&'a str>, NodeError> {
        match (self, wanted) {
            (Self::Operator, wanted) => Ok(wanted),
            (Self::App(name), None) => Ok(Some(name)),
            (Self::App(name), Some(wanted)) if wanted.split('@').next() == Some(name) => Ok(Some(wanted)),
            (Self::App(name), Some(wanted)) => {
                Err(not_granted(format!("this token writes as `{name}`, and not as `{wanted}`")))
            }
        }
    }

    /// Refuses to show an app what is in a space that none of its grants names.
    pub fn check_read(&self, node: &Node, space: &SpaceId) -> Result<(), NodeError> {
        let Self::App(name) = self else { return Ok(()) };
        if readable(node, name)?.contains(space) {
            return Ok(());
        }
        Err(not_granted(format!("no grant to `{name}` that is in force names this space")))
    }

    /// How much it may upload. An app that may write nothing uploads nothing.
    pub fn upload_bounds(&self, node: &Node) -> Result<UploadBounds, NodeError> {
        let Self::App(name) = self else { return Ok(UploadBounds::NONE) };
        let writes = |scope: &Scope| scope.actions.iter().any(|action| action.as_str() == Action::CREATE);
        if scopes(node, name)?.iter().any(writes) {
            return Ok(UploadBounds::APP);
        }
        Err(not_granted(format!("no grant to `{name}` that is in force lets it write")))
    }

    /// Refuses to show an app a blob that no record names in a space that it may read. It is not
    /// told whether the blob is here.
    pub fn check_blob(&self, node: &Node, id: &BlobId) -> Result<(), NodeError> {
        let Self::App(name) = self else { return Ok(()) };
        let spaces = readable(node, name)?;
        if node.is_carried_in(id, |space| spaces.contains(space))? {
            return Ok(());
        }
        Err(NodeError::missing("blob", id, "an app reads blobs that a record in its spaces names"))
    }

    /// Refuses to let an app name a blob that it may not read, since naming would show it. What
    /// was uploaded and no record names yet is anybody's who knows its hash.
    pub fn check_names(&self, node: &Node, id: &BlobId) -> Result<(), NodeError> {
        match self {
            Self::App(_) if !node.store().is_loose(id)? => self.check_blob(node, id),
            _ => Ok(()),
        }
    }
}

/// The spaces that an app's grants name, as far as they are in force.
fn readable(node: &Node, name: &str) -> Result<BTreeSet<SpaceId>, NodeError> {
    Ok(scopes(node, name)?.iter().flat_map(|scope| scope.spaces.iter().copied()).collect())
}

/// What an app's grants allow, as far as they are in force.
fn scopes(node: &Node, name: &str) -> Result<Vec<Scope>, NodeError> {
    let now = crate::clock::now();
    let mut scopes = Vec::new();
    for key in node.identities().keyring().entry(name)?.in_role(Role::App) {
        for (author, id) in node.people().granted_to(&key)? {
            let Some(identity) = node.identity(&author)? else { continue };
            let Some(grant) = identity.grant(&id) else { continue };
            let scope = &grant.statement().scope;
            let holds = (scope.not_before..scope.expires).contains(&now);
            if holds && identity.causes(&key, Some(&id)).is_empty() {
                scopes.push(scope.clone());
            }
        }
    }
    Ok(scopes)
}

impl Node {
    /// Makes a token by which a program can act as an app of this machine.
    pub fn create_token(&self, app: &str) -> Result<Zeroizing<String>, NodeError> {
        let entry = self.identities().entry(Some(app))?;
        if entry.kind != Kind::App {
            let text = format!("`{app}` is no app: a token is bound to an app's key and its grants");
            return Err(Refusal::new("not-an-app", text).hint("make one with `atlas id new --app NAME`").into());
        }
        let token = Zeroizing::new(BASE64URL_NOPAD.encode(&random::<32>()));
        let mut batch = Batch::new();
        batch.put_doc(DocKind::Setting, token_key(&token), entry.name.as_bytes());
        self.store().commit(batch)?;
        Ok(token)
    }

    /// Ends every token of an app; how many there were.
    pub fn drop_tokens(&self, app: &str) -> Result<usize, NodeError> {
        let mut batch = Batch::new();
        for doc in self.store().docs(DocKind::Setting, TOKENS) {
            let doc = doc?;
            if doc.bytes == app.as_bytes() {
                batch.push(Item::RemoveDoc { kind: DocKind::Setting, key: doc.key });
            }
        }
        let count = batch.len();
        self.store().commit(batch)?;
        Ok(count)
    }
}
