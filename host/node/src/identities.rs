//! The identities whose keys are on this machine.
//!
//! One file per identity under `keys/`, readable by its owner only: the signed genesis, the
//! root key, the root key that may replace it, and this machine's device key. The node signs
//! with the device key; the root keys are read for root events alone.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, RwLock};

use atlas_record::id::PublicKey;
use atlas_record::identity::{Genesis, Identity, commitment};
use atlas_record::sign::SecretKey;
use atlas_record::{IdentityId, Timestamp};
use data_encoding::BASE64_NOPAD;
use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::error::NodeError;

/// An identity that this machine can sign for.
#[derive(Debug, Clone)]
pub struct LocalIdentity {
    /// What the operator calls it. Known to this machine only.
    pub name: String,
    /// Who it is.
    pub identity: Identity,
    /// Signs records.
    pub device: SecretKey,
}

/// The file's content. Secrets are base64; dropped memory is wiped.
#[derive(Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
struct KeyFile {
    version: u32,
    genesis: String,
    root: String,
    next_root: String,
    device: String,
}

/// The local identities, and the folder that holds them.
#[derive(Debug)]
pub struct Identities {
    folder: PathBuf,
    known: RwLock<BTreeMap<String, Arc<LocalIdentity>>>,
}

/// 32 bytes from the operating system.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the operating system gives random bytes");
    bytes
}

/// Names of identities and spaces on this machine: what a shell and a file name can hold.
pub(crate) fn check_local_name(what: &'static str, name: &str) -> Result<(), NodeError> {
    let legal = |c: char| c.is_alphanumeric() || "-_.".contains(c);
    if (1..=64).contains(&name.len()) && name.chars().all(legal) && !name.starts_with(['.', '-']) {
        return Ok(());
    }
    Err(NodeError::Misuse(format!(
        "`{name}` cannot name {what}: use 1 to 64 letters, digits, `-`, `_` and `.`, and start with a letter or digit"
    )))
}

/// Writes a file that only its owner can read, all of it or nothing.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), NodeError> {
    let write = || {
        let partial = path.with_extension("partial");
        let mut options = fs::OpenOptions::new();
        options.write(true).create(true).truncate(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(&partial)?;
        file.write_all(content)?;
        file.sync_all()?;
        fs::rename(&partial, path)?;
        match path.parent() {
            Some(folder) => fs::File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    };
    write().map_err(|error| NodeError::File { what: "cannot write", path: path.to_owned(), error })
}

/// Makes a folder that only its owner can enter.
pub(crate) fn private_folder(path: &Path) -> Result<(), NodeError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| NodeError::File { what: "cannot create", path: path.to_owned(), error })
}

impl Identities {
    /// Reads every key file of a folder, which is made if it is not there.
    pub fn open(folder: PathBuf) -> Result<Self, NodeError> {
        private_folder(&folder)?;
        let unreadable = |path: &Path, error| NodeError::File { what: "cannot read", path: path.to_owned(), error };
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(&folder).map_err(|error| unreadable(&folder, error))? {
            let path = entry.map_err(|error| unreadable(&folder, error))?.path();
            let (Some("identity"), Some(name)) =
                (path.extension().and_then(|e| e.to_str()), path.file_stem().and_then(|s| s.to_str()))
            else {
                continue;
            };
            let content = Zeroizing::new(fs::read(&path).map_err(|error| unreadable(&path, error))?);
            let local = parse(name, &content).map_err(|why| {
                NodeError::Misuse(format!("{}: {why}; restore this file from a copy, or move it away", path.display()))
            })?;
            known.insert(name.to_owned(), Arc::new(local));
        }
        Ok(Self { folder, known: RwLock::new(known) })
    }

    /// Makes an identity: a root key, the root key that may follow it, and a device key.
    pub fn create(&self, name: &str, now: Timestamp) -> Result<Arc<LocalIdentity>, NodeError> {
        check_local_name("an identity", name)?;
        let mut known = self.known.write().expect("no thread panics with this lock");
        if known.contains_key(name) {
            return Err(NodeError::Exists { what: "identity", name: name.to_owned() });
        }
        let [root, next, device] = std::array::from_fn(|_| SecretKey::from_seed(&Zeroizing::new(random())));
        let genesis = Genesis {
            created: now,
            root: vec![root.public()],
            threshold: 1,
            next: vec![commitment(&next.public())],
            devices: vec![device.public()],
            nonce: random(),
        };
        let signature = root.sign(&genesis.signing_bytes());
        let identity = Identity::new(genesis, &[signature]).expect("a genesis made here is well-formed");
        let file = KeyFile {
            version: 1,
            genesis: BASE64_NOPAD.encode(identity.as_bytes()),
            root: BASE64_NOPAD.encode(root.seed()),
            next_root: BASE64_NOPAD.encode(next.seed()),
            device: BASE64_NOPAD.encode(device.seed()),
        };
        let content = Zeroizing::new(serde_json::to_vec_pretty(&file).expect("a key file is JSON"));
        write_private(&self.folder.join(format!("{name}.identity")), &content)?;
        let local = Arc::new(LocalIdentity { name: name.to_owned(), identity, device });
        known.insert(name.to_owned(), local.clone());
        Ok(local)
    }

    /// All, by name.
    pub fn all(&self) -> Vec<Arc<LocalIdentity>> {
        self.known.read().expect("no thread panics with this lock").values().cloned().collect()
    }

    /// By local name or id; without either, the only one there is.
    pub fn resolve(&self, name: Option<&str>) -> Result<Arc<LocalIdentity>, NodeError> {
        let all = self.all();
        let Some(name) = name else {
            return match &all[..] {
                [only] => Ok(only.clone()),
                [] => Err(NodeError::Misuse("there is no identity here yet: make one with `atlas id new NAME`".into())),
                _ => Err(NodeError::Misuse(format!(
                    "several identities are here ({}): say which with --as NAME",
                    names(&all)
                ))),
            };
        };
        let wanted: Option<IdentityId> = name.parse().ok();
        all.iter().find(|local| local.name == name || Some(local.identity.id()) == wanted).cloned().ok_or_else(|| {
            let hint = if all.is_empty() {
                "make one with `atlas id new NAME`".to_owned()
            } else {
                format!("known here: {}", names(&all))
            };
            NodeError::missing("identity", name, hint)
        })
    }

    /// The local name of an identity, if it is one of ours.
    pub fn name_of(&self, id: &IdentityId) -> Option<String> {
        self.all().iter().find(|local| local.identity.id() == *id).map(|local| local.name.clone())
    }
}

fn names(all: &[Arc<LocalIdentity>]) -> String {
    all.iter().map(|local| local.name.as_str()).collect::<Vec<_>>().join(", ")
}

fn parse(name: &str, content: &[u8]) -> Result<LocalIdentity, String> {
    let file: KeyFile = serde_json::from_slice(content).map_err(|_| "the key file is damaged".to_owned())?;
    if file.version != 1 {
        return Err(format!("the key file has version {}, this program reads version 1", file.version));
    }
    let genesis = BASE64_NOPAD.decode(file.genesis.as_bytes()).map_err(|_| "the genesis is damaged".to_owned())?;
    let identity = Identity::decode(&genesis).map_err(|error| error.to_string())?;
    let seed = BASE64_NOPAD.decode(file.device.as_bytes()).map(Zeroizing::new);
    let seed = seed.ok().and_then(|seed| <[u8; 32]>::try_from(&seed[..]).ok()).map(Zeroizing::new);
    let Some(seed) = seed else { return Err("the device key is damaged".to_owned()) };
    let device = SecretKey::from_seed(&seed);
    let public: PublicKey = device.public();
    if !identity.is_device(&public) {
        return Err("the device key is not one of the identity's".to_owned());
    }
    Ok(LocalIdentity { name: name.to_owned(), identity, device })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_survive_a_restart_and_only_their_owner_can_read_them() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("keys");
        let ada = Identities::open(folder.clone()).unwrap().create("ada", 1).unwrap();
        let again = Identities::open(folder.clone()).unwrap();
        assert_eq!(again.resolve(None).unwrap().identity, ada.identity);
        assert_eq!(again.resolve(Some(&ada.identity.id().to_string())).unwrap().name, "ada");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(folder.join("ada.identity")).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_file_is_named_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        Identities::open(dir.path().to_owned()).unwrap().create("ada", 1).unwrap();
        fs::write(dir.path().join("ada.identity"), b"{").unwrap();
        let error = Identities::open(dir.path().to_owned()).unwrap_err().to_string();
        assert!(error.contains("ada.identity") && error.contains("damaged"), "{error}");
    }

    #[test]
    fn names_that_could_leave_the_folder_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let identities = Identities::open(dir.path().to_owned()).unwrap();
        for name in ["", "../x", "a/b", ".hidden", "-flag", "a b"] {
            assert!(matches!(identities.create(name, 1), Err(NodeError::Misuse(_))), "{name}");
        }
    }
}
