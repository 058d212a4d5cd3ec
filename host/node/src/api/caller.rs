//! Who asks: the operator of this machine, or an app under its grants.
//!
//! The operator's token lies beside the data and can do everything. An app's token is bound to
//! the app's key: with it one can write as that app, which its grants decide about, and read
//! in the spaces that they name. Tokens are kept as hashes.

use std::collections::BTreeSet;

use atlas_keys::{Kind, Role};
use atlas_record::SpaceId;
use atlas_store::{Batch, DocKind, Item};
use data_encoding::BASE64URL_NOPAD;
use zeroize::Zeroizing;

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
const FOR_APPS: [&str; 4] = ["/v1/records", "/v1/query", "/v1/history", "/v1/live"];

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
        *self == Self::Operator || FOR_APPS.contains(&path)
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
}

/// The spaces that an app's grants name, as far as they are in force.
fn readable(node: &Node, name: &str) -> Result<BTreeSet<SpaceId>, NodeError> {
    let now = crate::clock::now();
    let mut spaces = BTreeSet::new();
    for key in node.identities().keyring().entry(name)?.in_role(Role::App) {
        for (author, id) in node.people().granted_to(&key)? {
            let Some(identity) = node.identity(&author)? else { continue };
            let Some(grant) = identity.grant(&id) else { continue };
            let scope = &grant.statement().scope;
            let holds = (scope.not_before..scope.expires).contains(&now);
            if holds && identity.causes(&key, Some(&id)).is_empty() {
                spaces.extend(scope.spaces.iter().copied());
            }
        }
    }
    Ok(spaces)
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
