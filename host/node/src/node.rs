//! A node on one directory.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, Weak};
use std::time::Instant;

use atlas_engine::{Engine, EngineConfig, Pooling};
use atlas_keys::{Kind, Role, private_folder, write_private};
use atlas_record::identity::{Action, Establishment, Event, Identity, KeySet, NextKeys};
use atlas_record::space::{Amendment, Binding, Constitution, Genesis, Signed, Slot};
use atlas_record::{BlobId, ConstitutionId, IdentityId, Timestamp, TypeName};
use atlas_store::{Batch, Config as StoreConfig, Store, WaitKey};
use zeroize::Zeroizing;

use crate::author::chain::Chains;
use crate::decisions::Decisions;
use crate::denied::Denied;
use crate::error::{NodeError, Refusal};
use crate::identities::{Identities, Local, fresh_key, random};
use crate::ingest::turns::Turns;
use crate::judge;
use crate::modules::Modules;
use crate::net::feed::News;
use crate::net::participation::Participations;
use crate::net::{Net, membership};
use crate::overlay::Unproven;
use crate::people::{People, Piece};
use crate::query::live::Live;
use crate::rates::Rates;
use crate::spaces::{Space, Spaces};
use crate::text::TextIndex;

/// How a node is run.
#[derive(Debug, Clone)]
pub struct NodeConfig {
    /// Everything the node keeps is in here.
    pub dir: PathBuf,
    /// How the store is run.
    pub store: StoreConfig,
}

impl NodeConfig {
    /// Defaults, on a directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into(), store: StoreConfig::default() }
    }
}

/// A running node. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

/// A node that may be gone: for threads that must not keep it.
pub(crate) struct WeakNode(Weak<Inner>);

impl WeakNode {
    /// The node, if it is still there.
    pub(crate) fn upgrade(&self) -> Option<Node> {
        self.0.upgrade().map(Node)
    }
}

struct Inner {
    /// These two first, so that they stop before what they read goes.
    text: TextIndex,
    live: Live,
    dir: PathBuf,
    started: Instant,
    store: Store,
    modules: Arc<Modules>,
    spaces: Arc<Spaces>,
    identities: Identities,
    people: People,
    unproven: Unproven,
    chains: Chains,
    /// What apps write here.
    written: Rates,
    /// What apps elsewhere wrote, as it comes in.
    received: Rates,
    denied: Denied,
    participations: Arc<Participations>,
    /// The network, while this node is on it.
    net: OnceLock<Net>,
    /// Held by whoever weighs records, from what is known of their authors to the commit.
    decisions: Decisions,
    turns: Turns,
    /// Held while a module is held to its laws.
    trying_laws: Mutex<()>,
    token: Zeroizing<String>,
}

/// A slot to bind: which module, told what, allowed how much.
#[derive(Debug, Clone)]
pub struct NewBinding {
    /// The slot.
    pub slot: Slot,
    /// The module, by name or hash.
    pub module: String,
    /// Its config.
    pub config: Option<Vec<u8>>,
    /// Fuel for one record; the default where left out.
    pub fuel: Option<u64>,
    /// Bytes of memory; the default where left out.
    pub memory: Option<u64>,
}

/// What a binding that a space can take names, with what has to be stored beside it.
struct Checked {
    binding: Binding,
    code: Arc<[u8]>,
    config: Option<Vec<u8>>,
    validator: Arc<atlas_engine::Validator>,
}

impl Node {
    /// Opens the node in a directory, and makes one there if there is none.
    pub fn open(config: NodeConfig) -> Result<Self, NodeError> {
        let dir = config.dir;
        private_folder(&dir)?;
        let store = Store::open(&dir.join("store"), config.store)?;
        let identities = Identities::open(dir.join("keys"))?;
        let seal: Zeroizing<[u8; 32]> = secret(&dir.join("keys").join("node.seal"))?;
        let token = api_token(&dir.join("api.token"))?;
        let engine = Engine::open(EngineConfig {
            cache_dir: Some(dir.join("cache")),
            evidence_dir: Some(dir.join("evidence")),
            cache_key: *seal,
            pooling: Pooling::Auto,
            ..EngineConfig::default()
        })?;
        let people = People::new(store.clone());
        let unproven = Unproven::open(&store)?;
        let spaces = Arc::new(Spaces::open(store.clone())?);
        let modules = Arc::new(Modules::new(engine, store.clone()));
        let node = Self(Arc::new(Inner {
            text: TextIndex::new(dir.join("text"), store.clone(), spaces.clone(), modules.clone()),
            live: Live::new(store.clone(), spaces.clone(), modules.clone()),
            dir,
            started: Instant::now(),
            modules,
            denied: Denied::open(store.clone())?,
            participations: Arc::new(Participations::open(store.clone())?),
            net: OnceLock::new(),
            store,
            spaces,
            identities,
            people,
            unproven,
            chains: Chains::default(),
            written: Rates::default(),
            received: Rates::default(),
            decisions: Decisions::default(),
            turns: Turns::default(),
            trying_laws: Mutex::default(),
            token,
        }));
        node.reconsider_left()?;
        Ok(node)
    }

    pub(crate) fn downgrade(&self) -> WeakNode {
        WeakNode(Arc::downgrade(&self.0))
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.0.dir
    }

    /// When this node was opened.
    pub fn started(&self) -> Instant {
        self.0.started
    }

    /// The store.
    pub fn store(&self) -> &Store {
        &self.0.store
    }

    /// The index for full text.
    pub fn text(&self) -> &TextIndex {
        &self.0.text
    }

    /// The live queries.
    pub fn live(&self) -> &Live {
        &self.0.live
    }

    /// Modules.
    pub fn modules(&self) -> &Arc<Modules> {
        &self.0.modules
    }

    /// Spaces.
    pub fn spaces(&self) -> &Spaces {
        &self.0.spaces
    }

    /// Identities whose keys are here.
    pub fn identities(&self) -> &Identities {
        &self.0.identities
    }

    /// Identities that this node knows.
    pub fn people(&self) -> &People {
        &self.0.people
    }

    /// What the operator does not keep and does not hand out.
    pub fn denied(&self) -> &Denied {
        &self.0.denied
    }

    /// What this node keeps of each space.
    pub fn participations(&self) -> &Arc<Participations> {
        &self.0.participations
    }

    /// The network, if this node is on it.
    pub fn net(&self) -> Option<&Net> {
        self.0.net.get()
    }

    /// Goes on the network. Once in a node's life.
    pub(crate) fn set_net(&self, net: Net) -> Result<(), NodeError> {
        self.0.net.set(net).map_err(|_| NodeError::Misuse("this node is on the network already".into()))
    }

    /// The secret of this node's name on the network, made when it is first asked for.
    pub(crate) fn node_key(&self) -> Result<Zeroizing<[u8; 32]>, NodeError> {
        secret(&self.dir().join("keys").join("node.key"))
    }

    /// Tells peers what has changed here besides records.
    fn tell(&self, news: News) {
        if let Some(net) = self.net() {
            net.tell(news);
        }
    }

    pub(crate) fn unproven(&self) -> &Unproven {
        &self.0.unproven
    }

    pub(crate) fn turns(&self) -> &Turns {
        &self.0.turns
    }

    pub(crate) fn trying_laws(&self) -> &Mutex<()> {
        &self.0.trying_laws
    }

    pub(crate) fn decisions(&self) -> &Decisions {
        &self.0.decisions
    }

    pub(crate) fn written(&self) -> &Rates {
        &self.0.written
    }

    pub(crate) fn received(&self) -> &Rates {
        &self.0.received
    }

    pub(crate) fn chains(&self) -> &Chains {
        &self.0.chains
    }

    /// What a caller of the local API has to show.
    pub(crate) fn token(&self) -> &str {
        &self.0.token
    }

    /// An identity, ours or another's, if it is known here.
    pub fn identity(&self, id: &IdentityId) -> Result<Option<Arc<Identity>>, NodeError> {
        self.people().get(id)
    }

    /// Makes an identity: a root key, the root key that may follow it, and a device key.
    pub fn create_identity(&self, name: &str, now: Timestamp) -> Result<Arc<Local>, NodeError> {
        self.identities().check_free(name)?;
        let [root, next, device] = std::array::from_fn(|_| fresh_key());
        let establishment = Establishment {
            root: KeySet::single(root.public()),
            next: NextKeys::single(&next.public()),
            recovery: None,
            witnesses: None,
        };
        let action = Action::Genesis { establishment, devices: vec![device.public()], nonce: random() };
        let genesis = Event { number: 0, prev: None, created: now, action };
        let genesis = genesis.sign(&[&root]).expect("a genesis made here is well-formed");
        let id = genesis.identity().expect("a genesis names an identity");
        // The log first: an identity without keys is litter, keys without their log are a loss.
        self.learn(id, vec![Piece::Event(genesis)])?;
        let secrets = [(Role::Root, root), (Role::NextRoot, next), (Role::Device, device)];
        self.identities().keyring().add(name, Kind::Identity, Some(id), &secrets)?;
        self.identities().resolve(Some(name))
    }

    /// Keeps pieces of an identity, looks again at records that waited for them, and at those
    /// that they end. The refusals are of single pieces.
    pub fn learn(&self, id: IdentityId, pieces: Vec<Piece>) -> Result<Vec<Refusal>, NodeError> {
        let Some(learned) = self.people().learn(id, pieces)? else { return Ok(Vec::new()) };
        if let Some(due) = learned.due {
            self.reconsider_due(&id, &learned.changed, due)?;
        }
        if learned.added > 0 {
            self.tell(News::Identity(id));
            let now = crate::clock::now();
            self.retry_waiting_for(&WaitKey::Identity(id), now)?;
            for grant in learned.grants {
                self.retry_waiting_for(&WaitKey::Grant(grant), now)?;
            }
        }
        Ok(learned.refused)
    }

    /// Keeps another's identity, which its genesis names.
    pub fn learn_identity(&self, genesis: &[u8]) -> Result<IdentityId, NodeError> {
        let piece = Piece::event(genesis)?;
        let Piece::Event(event) = &piece else { unreachable!("an event was read") };
        let id = event.identity().ok_or_else(|| Refusal::new("malformed", "this event is no genesis"))?;
        self.learn(id, vec![piece])?;
        Ok(id)
    }

    /// Keeps a space that was founded elsewhere, under a local name.
    pub fn learn_space(&self, name: Option<&str>, bytes: &[u8]) -> Result<Arc<Space>, NodeError> {
        let genesis = Signed::<Genesis>::decode(bytes).map_err(|error| Refusal::new("malformed", error.to_string()))?;
        let founder = genesis.document().founder;
        self.check_founder(founder, genesis.key())?;
        let name = match name {
            Some(name) => name.to_owned(),
            None => self.local_name(&genesis),
        };
        let space = self.spaces().add(&name, genesis, Batch::new())?;
        self.tell(News::Space(space.id));
        Ok(space)
    }

    /// A name for a space that was founded elsewhere: the founder's, made fit for a shell, and
    /// told apart from another space of that name by the end of its id.
    fn local_name(&self, genesis: &Signed<Genesis>) -> String {
        let fit = |c: char| if c.is_alphanumeric() || "-_.".contains(c) { c } else { '-' };
        let fitted: String = genesis.document().name.chars().map(fit).collect();
        let mut name = fitted.trim_start_matches(['.', '-']).to_owned();
        name.truncate(name.floor_char_boundary(48));
        let id = genesis.space_id();
        let taken = self.spaces().all().iter().any(|space| space.name == name && space.id != id);
        if name.is_empty() || taken {
            let text = id.to_string();
            name = format!("{}-{}", if name.is_empty() { "space" } else { &name }, &text[text.len() - 8..]);
        }
        name
    }

    /// Puts an amendment in force that came from elsewhere.
    pub fn learn_amendment(&self, bytes: &[u8]) -> Result<Arc<Space>, NodeError> {
        let amendment =
            Signed::<Amendment>::decode(bytes).map_err(|error| Refusal::new("malformed", error.to_string()))?;
        let id = amendment.constitution_id();
        let space = self
            .spaces()
            .get(&amendment.document().space)
            .ok_or_else(|| NodeError::missing("space", amendment.document().space, "its genesis has to come first"))?;
        let founder = self.check_founder(space.founder(), amendment.key()).is_ok()
            && self.identity(&space.founder())?.is_some_and(|it| it.causes(amendment.key(), None).is_empty());
        let space = self.spaces().amend(amendment, founder, Batch::new())?;
        self.tell(News::Space(space.id));
        self.retry_waiting_for(&WaitKey::Constitution(id), crate::clock::now())?;
        Ok(space)
    }

    fn check_founder(&self, founder: IdentityId, key: &atlas_record::id::PublicKey) -> Result<(), NodeError> {
        let identity = self.identity(&founder)?.ok_or_else(|| {
            NodeError::missing("identity", founder, "the founder's identity has to come before the space")
        })?;
        if !identity.log().ever_named(key) {
            let text = format!("key {key} is no device of the founder {founder}");
            return Err(Refusal::new("not-the-founder", text).into());
        }
        Ok(())
    }

    /// Founds a space whose types are judged by these modules.
    pub fn create_space(
        &self,
        name: &str,
        founder: &Local,
        bindings: Vec<NewBinding>,
        private: bool,
    ) -> Result<Arc<Space>, NodeError> {
        if self.spaces().all().iter().any(|space| space.name == name) {
            return Err(NodeError::Exists { what: "space", name: name.to_owned() });
        }
        let author = self.device_authority(founder)?.author;
        let mut batch = Batch::new();
        let mut constitution = Constitution { recorders: vec![author], ..Constitution::default() };
        for new in bindings {
            let slot = new.slot.clone();
            let binding = self.take_binding(new, &mut batch)?;
            constitution.slots.insert(slot, binding);
        }
        if private {
            constitution.params.insert(membership::PRIVATE, true.into());
        }
        let genesis = Genesis {
            founder: author,
            name: name.to_owned(),
            created: crate::clock::now(),
            nonce: random(),
            constitution,
        };
        let genesis = Signed::new(genesis, &founder.secret).map_err(|error| NodeError::Misuse(error.to_string()))?;
        let space = self.spaces().add(name, genesis, batch)?;
        self.tell(News::Space(space.id));
        Ok(space)
    }

    /// Binds a slot: writes the constitution that follows the one in force.
    pub fn bind(&self, space: &Space, founder: &Local, new: NewBinding) -> Result<Arc<Space>, NodeError> {
        let mut batch = Batch::new();
        let slot = new.slot.clone();
        let binding = self.take_binding(new, &mut batch)?;
        let (follows, current) = space.current();
        if current.slots.get(&slot) == Some(&binding) {
            return self.spaces().resolve(Some(&space.id.to_string()));
        }
        let mut constitution = current.clone();
        constitution.slots.insert(slot, binding);
        self.amend(space, founder, follows, constitution, batch)
    }

    /// Lists other members of a space: writes the constitution that follows the one in force.
    pub fn change_members(
        &self,
        space: &Space,
        founder: &Local,
        add: &[IdentityId],
        remove: &[IdentityId],
    ) -> Result<Arc<Space>, NodeError> {
        let (follows, current) = space.current();
        if !membership::is_private(current) {
            let text = format!("space `{}` is public: everyone may be in it", space.name);
            return Err(Refusal::new("not-private", text).into());
        }
        let mut members = membership::members(current);
        members.extend(add);
        members.retain(|member| !remove.contains(member));
        if members.len() > membership::MOST_MEMBERS {
            let text = format!("a constitution lists {} members at most", membership::MOST_MEMBERS);
            return Err(Refusal::new("too-many-members", text).into());
        }
        if members == membership::members(current) {
            return self.spaces().resolve(Some(&space.id.to_string()));
        }
        let mut constitution = current.clone();
        membership::set_members(&mut constitution, &members);
        self.amend(space, founder, follows, constitution, Batch::new())
    }

    /// Signs a constitution that follows another, and puts it in force.
    fn amend(
        &self,
        space: &Space,
        founder: &Local,
        follows: ConstitutionId,
        constitution: Constitution,
        batch: Batch,
    ) -> Result<Arc<Space>, NodeError> {
        let author = self.device_authority(founder)?.author;
        let amendment = Amendment {
            space: space.id,
            follows,
            number: space.amendments.len() as u64 + 1,
            created: crate::clock::now(),
            constitution,
        };
        let amendment =
            Signed::new(amendment, &founder.secret).map_err(|error| NodeError::Misuse(error.to_string()))?;
        let amended = self.spaces().amend(amendment, space.founder() == author, batch)?;
        self.tell(News::Space(space.id));
        Ok(amended)
    }

    /// Sets a module up as it would be bound; what it needs goes into the batch.
    fn take_binding(&self, new: NewBinding, batch: &mut Batch) -> Result<Binding, NodeError> {
        let Checked { binding, code, config, .. } = self.check_binding(new)?;
        batch.put_blob(code.to_vec());
        if let Some(config) = config {
            batch.put_blob(config);
        }
        Ok(binding)
    }

    /// The validator that would judge if a binding were in force.
    pub(crate) fn candidate_validator(&self, new: NewBinding) -> Result<Arc<atlas_engine::Validator>, NodeError> {
        Ok(self.check_binding(new)?.validator)
    }

    fn check_binding(&self, new: NewBinding) -> Result<Checked, NodeError> {
        let info = self.modules().find(&new.module)?;
        let role = match &new.slot {
            Slot::Validator(_) => "validator",
            Slot::Other(text) => text.split(':').next().unwrap_or(text),
        };
        if info.role != role {
            let text = format!("module `{}` is a {}, and the slot `{}` takes a {role}", info.name, info.role, new.slot);
            return Err(Refusal::new("wrong-role", text).into());
        }
        let code = self
            .modules()
            .code(&info.code)?
            .ok_or_else(|| NodeError::missing("module code", info.code, "install the module's file again"))?;
        let bound = atlas_engine::Binding::new(atlas_engine::CodeHash(info.code.0));
        let bound = atlas_engine::Binding {
            config: new.config.clone().unwrap_or_default().into(),
            fuel: new.fuel.unwrap_or(bound.fuel),
            memory: new.memory.unwrap_or(bound.memory),
            ..bound
        };
        let binding = Binding {
            code: info.code,
            config: new.config.as_deref().map(BlobId::of),
            meter: bound.meter.name().into(),
            fuel: bound.fuel,
            memory: bound.memory,
        };
        // Nothing is bound that does not come up with this config here and now.
        let validator = self.modules().engine().validator(&code, bound)?;
        if let (Slot::Validator(type_name), Some(judged)) = (&new.slot, judge::named_type(&validator))
            && judged != type_name.as_str()
        {
            let text = format!(
                "`{}` is for records of `{type_name}`, and with this config `{}` judges those of `{judged}`",
                new.slot, info.module
            );
            return Err(Refusal::new("wrong-type", text).hint(format!("bind it as validator:{judged}")).into());
        }
        Ok(Checked { binding, code, config: new.config, validator })
    }

    /// Drops expired bodies and blobs that nothing needs, and looks again at what waits. To be called now and then.
    pub fn tend(&self) -> Result<(), NodeError> {
        let now = crate::clock::now();
        self.store().erase_expired(now)?;
        self.sweep_loose(now)?;
        self.retry_waiting(now)?;
        Ok(())
    }
}

/// Reads the token that callers of the local API have to show, and makes it where there is none.
fn api_token(path: &Path) -> Result<Zeroizing<String>, NodeError> {
    if let Ok(text) = std::fs::read_to_string(path)
        && text.trim().len() >= 32
    {
        return Ok(Zeroizing::new(text.trim().to_owned()));
    }
    let token = Zeroizing::new(data_encoding::BASE64URL_NOPAD.encode(&random::<32>()));
    write_private(path, token.as_bytes())?;
    Ok(token)
}

/// Reads a secret of 32 bytes, and makes it where there is none.
fn secret(path: &Path) -> Result<Zeroizing<[u8; 32]>, NodeError> {
    match std::fs::read(path) {
        Ok(bytes) => {
            let bytes = Zeroizing::new(bytes);
            <[u8; 32]>::try_from(&bytes[..]).map(Zeroizing::new).map_err(|_| {
                NodeError::Unavailable(format!(
                    "{} is damaged: remove it, and the node makes a new one",
                    path.display()
                ))
            })
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let fresh = Zeroizing::new(random());
            write_private(path, &fresh[..])?;
            Ok(fresh)
        }
        Err(error) => Err(NodeError::File { what: "cannot read", path: path.to_owned(), error }),
    }
}

/// `TYPE=MODULE`, as `space create --type` takes it.
pub fn parse_type_binding(text: &str) -> Result<NewBinding, NodeError> {
    let (type_name, module) = text
        .split_once('=')
        .ok_or_else(|| NodeError::Misuse(format!("`{text}` is no TYPE=MODULE, as atlas.post=post")))?;
    let type_name: TypeName = type_name.parse().map_err(|error| NodeError::Misuse(format!("{error}")))?;
    Ok(NewBinding {
        slot: Slot::Validator(type_name),
        module: module.to_owned(),
        config: None,
        fuel: None,
        memory: None,
    })
}
