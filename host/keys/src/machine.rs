//! `machine.key`: the one key that opens every entry of a keyring.
//!
//! Without a passphrase it is an identity file of the age tools, protected by its permissions.
//! With one it is that file sealed under the passphrase. Changing between the two rewrites
//! this file only, so it happens at once or not at all; the machine key itself stays, which
//! also means that a copy of the file made *before* a passphrase was set still opens
//! everything.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::files::{self, Folder};
use crate::seal::{self, ARMOR_BEGIN, MachineKey, Unopened};
use crate::{KeyError, Passphrase, WorkFactor};

const NAME: &str = "machine.key";
const NOTE: &str = "# Opens every *.keys file beside it. Whoever reads this line and the next can sign as you.\n";

/// What the file holds.
pub(crate) enum Stored {
    /// The key.
    Plain(MachineKey),
    /// The key, under a passphrase.
    Sealed(String),
}

pub(crate) fn path(folder: &Folder) -> PathBuf {
    folder.file(NAME)
}

/// Reads the file, if there is one.
pub(crate) fn read(path: &Path) -> Result<Option<Stored>, KeyError> {
    let Some(content) = files::read_private(path)? else { return Ok(None) };
    let damaged = || KeyError::damaged(path, "the file is damaged: it is no machine key");
    let text = str::from_utf8(&content).map_err(|_| damaged())?;
    if text.starts_with(ARMOR_BEGIN) {
        return Ok(Some(Stored::Sealed(text.to_owned())));
    }
    parse(text).map(|key| Some(Stored::Plain(key))).ok_or_else(damaged)
}

/// Writes the file, which takes the place of the one before.
pub(crate) fn write(
    path: &Path,
    key: &MachineKey,
    passphrase: Option<&Passphrase>,
    work: WorkFactor,
) -> Result<(), KeyError> {
    let plain = text(key);
    match passphrase {
        None => files::write_private(path, plain.as_bytes()),
        Some(passphrase) => files::write_private(path, seal::lock(plain.as_bytes(), passphrase, work).as_bytes()),
    }
}

/// Opens a sealed file's content.
pub(crate) fn unlock(path: &Path, sealed: &str, passphrase: &Passphrase) -> Result<MachineKey, KeyError> {
    let damaged = |why| KeyError::damaged(path, why);
    let content = seal::unlock(sealed, passphrase).map_err(|error| match error {
        Unopened::Refused => KeyError::WrongPassphrase { path: path.to_owned() },
        Unopened::TooMuchWork(_) => damaged("the file asks for more work than any that this program writes"),
        Unopened::Foreign | Unopened::Broken | Unopened::OtherLock => damaged("the file is cut off or damaged"),
    })?;
    let key = str::from_utf8(&content).ok().and_then(parse);
    key.ok_or_else(|| damaged("the passphrase opens the file, but there is no machine key in it"))
}

fn text(key: &MachineKey) -> Zeroizing<String> {
    let key = key.to_text();
    let mut text = Zeroizing::new(String::with_capacity(NOTE.len() + key.len() + 1));
    text.push_str(NOTE);
    text.push_str(&key);
    text.push('\n');
    text
}

fn parse(text: &str) -> Option<MachineKey> {
    let mut lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let key = MachineKey::parse(lines.next()?)?;
    lines.next().is_none().then_some(key)
}
