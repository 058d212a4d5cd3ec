//! Sealing: the age format, in the two ways this crate uses it.
//!
//! To a *machine key* (X25519), without a person: the entries of a keyring. To a *passphrase*
//! (scrypt): the machine key itself, and bundles. Errors are told apart only where everybody
//! who has the file can tell them apart.

use std::io::{self, Read, Write};

use age::armor::{ArmoredReader, ArmoredWriter, Format};
use age::secrecy::ExposeSecret;
use age::{DecryptError, Decryptor, Encryptor, Identity, Recipient, scrypt, x25519};
use zeroize::Zeroizing;

use crate::{Passphrase, WorkFactor};

/// The first line of an armoured age file.
pub(crate) const ARMOR_BEGIN: &str = "-----BEGIN AGE ENCRYPTED FILE-----";

/// Opens every entry of one keyring.
///
/// Its public half is written nowhere, and an age file does not show for whom it is sealed:
/// who cannot read the machine key cannot make an entry that opens.
#[derive(Clone)]
pub(crate) struct MachineKey(x25519::Identity);

impl MachineKey {
    pub(crate) fn generate() -> Self {
        Self(x25519::Identity::generate())
    }

    /// As the age tools write it.
    pub(crate) fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(self.0.to_string().expose_secret().to_owned())
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }

    pub(crate) fn seal(&self, content: &[u8]) -> Vec<u8> {
        encrypt(&self.0.to_public(), content, Format::Binary)
    }

    /// The content, if it was sealed to this key and is whole.
    pub(crate) fn open(&self, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        decrypt(Decryptor::new_buffered(sealed).ok()?, &self.0, sealed.len()).ok()
    }
}

/// Why a text does not open with a passphrase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Unopened {
    /// Not an armoured age file.
    Foreign,
    /// The armour or the header is broken: seen without the passphrase.
    Broken,
    /// Sealed to a key, not under a passphrase.
    OtherLock,
    /// Would take 2^n steps.
    TooMuchWork(u8),
    /// Wrong passphrase, or damage that only the right one would show. Never told apart.
    Refused,
}

/// Seals under a passphrase, as text.
pub(crate) fn lock(content: &[u8], passphrase: &Passphrase, work: WorkFactor) -> String {
    let mut recipient = scrypt::Recipient::new(passphrase.secret());
    recipient.set_work_factor(work.log2());
    String::from_utf8(encrypt(&recipient, content, Format::AsciiArmor)).expect("armour is ASCII")
}

/// Opens what [`lock`] made.
pub(crate) fn unlock(text: &str, passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>, Unopened> {
    let text = text.trim();
    if !text.starts_with(ARMOR_BEGIN) {
        return Err(Unopened::Foreign);
    }
    // All of the armour is read before the passphrase is tried: whether it is broken must not
    // depend on the passphrase.
    let mut sealed = Vec::with_capacity(text.len());
    ArmoredReader::new(text.as_bytes()).read_to_end(&mut sealed).map_err(|_| Unopened::Broken)?;
    let decryptor = Decryptor::new_buffered(&sealed[..]).map_err(|_| Unopened::Broken)?;
    if !decryptor.is_scrypt() {
        return Err(Unopened::OtherLock);
    }
    let mut identity = scrypt::Identity::new(passphrase.secret());
    identity.set_max_work_factor(WorkFactor::MOST.log2());
    decrypt(decryptor, &identity, sealed.len()).map_err(|error| match error {
        DecryptError::ExcessiveWork { required, .. } => Unopened::TooMuchWork(required),
        DecryptError::InvalidHeader => Unopened::Broken,
        _ => Unopened::Refused,
    })
}

fn encrypt(recipient: &impl Recipient, content: &[u8], format: Format) -> Vec<u8> {
    let encryptor = Encryptor::with_recipients(std::iter::once(recipient as _)).expect("one recipient is given");
    let write = || -> io::Result<Vec<u8>> {
        let mut writer = encryptor.wrap_output(ArmoredWriter::wrap_output(Vec::new(), format)?)?;
        writer.write_all(content)?;
        writer.finish()?.finish()
    };
    write().expect("memory can be written")
}

fn decrypt(
    decryptor: Decryptor<&[u8]>,
    identity: &dyn Identity,
    sealed: usize,
) -> Result<Zeroizing<Vec<u8>>, DecryptError> {
    // The content is shorter than what is sealed, so the vector never grows.
    let mut content = Zeroizing::new(Vec::with_capacity(sealed));
    decryptor.decrypt(std::iter::once(identity))?.read_to_end(&mut content)?;
    Ok(content)
}
