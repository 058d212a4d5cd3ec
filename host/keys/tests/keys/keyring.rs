//! What a keyring promises, on real folders and files.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use atlas_keys::{Edit, KeyError, Keyring, Kind, MOST_KEYS, Passphrase, Protection, Role, WorkFactor};
use atlas_record::IdentityId;
use atlas_record::sign::{SecretKey, verify};
use tempfile::TempDir;

/// Cheap guessing: these tests are about files, not about scrypt.
const WORK: WorkFactor = WorkFactor::new(2).unwrap();

fn key(n: u8) -> SecretKey {
    SecretKey::from_seed(&[n; 32])
}

fn ada() -> [(Role, SecretKey); 3] {
    [(Role::Root, key(1)), (Role::NextRoot, key(2)), (Role::Device, key(3))]
}

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(text.to_owned()).unwrap()
}

fn open(folder: &Path) -> Result<Keyring, KeyError> {
    Keyring::open_with(folder, WORK)
}

/// A keyring that holds `ada`, and where it lies.
fn with_ada() -> (TempDir, PathBuf, Keyring) {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let keyring = open(&folder).unwrap();
    keyring.add("ada", Kind::Identity, Some(IdentityId([9; 32])), &ada()).unwrap();
    (dir, folder, keyring)
}

fn damaged(result: Result<impl std::fmt::Debug, KeyError>, file: &str) {
    match result {
        Err(error @ KeyError::Damaged { .. }) => assert!(error.to_string().contains(file), "{error}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn keys_survive_reopening_and_sign() {
    let (_dir, folder, keyring) = with_ada();
    let before = keyring.entries();
    drop(keyring);
    let keyring = open(&folder).unwrap();
    assert_eq!(keyring.entries(), before);
    assert_eq!(keyring.protection(), Protection::Permissions);
    let entry = keyring.entry("ada").unwrap();
    assert_eq!((entry.kind, entry.identity), (Kind::Identity, Some(IdentityId([9; 32]))));
    for (role, expected) in ada() {
        let public = entry.in_role(role).next().unwrap();
        let secret = keyring.secret("ada", role, &public).unwrap();
        assert!(verify(&expected.public(), b"hello", &secret.sign(b"hello")));
    }
    let all = keyring.secrets("ada").unwrap();
    assert_eq!(
        all.iter().map(|(role, secret)| (*role, *secret.seed())).collect::<Vec<_>>(),
        ada().map(|(role, secret)| (role, *secret.seed()))
    );
}

#[test]
fn a_key_is_given_in_its_own_role_only() {
    let (_dir, _folder, keyring) = with_ada();
    assert!(matches!(keyring.secret("ada", Role::Device, &key(1).public()), Err(KeyError::NoSuchKey { .. })));
    assert!(matches!(keyring.secret("ada", Role::Root, &key(7).public()), Err(KeyError::NoSuchKey { .. })));
    assert!(matches!(keyring.secret("eve", Role::Root, &key(1).public()), Err(KeyError::NotFound(_))));
}

#[test]
fn device_keys_stay_open_and_root_keys_do_not() {
    let (_dir, _folder, keyring) = with_ada();
    let get = |role, n| keyring.secret("ada", role, &key(n).public()).unwrap();
    assert!(Arc::ptr_eq(&get(Role::Device, 3), &get(Role::Device, 3)));
    assert!(!Arc::ptr_eq(&get(Role::Root, 1), &get(Role::Root, 1)));
}

#[test]
fn a_locked_keyring_lists_but_does_not_sign() {
    let (_dir, folder, keyring) = with_ada();
    keyring.set_passphrase(Some(&passphrase("correct horse"))).unwrap();
    assert_eq!(keyring.protection(), Protection::Passphrase);
    assert!(!keyring.is_locked());

    let locked = open(&folder).unwrap();
    assert!(locked.is_locked());
    assert_eq!(locked.entries(), keyring.entries());
    let device = key(3).public();
    let error = locked.secret("ada", Role::Device, &device).unwrap_err();
    assert!(matches!(error, KeyError::Locked));
    assert!(error.to_string().contains("ATLAS_PASSPHRASE"), "{error}");
    assert!(matches!(locked.secrets("ada"), Err(KeyError::Locked)));
    assert!(matches!(locked.add("bob", Kind::App, None, &[]), Err(KeyError::Locked)));
    assert!(matches!(locked.update("ada", |_| Ok(())), Err(KeyError::Locked)));
    assert!(matches!(locked.rename("ada", "eve"), Err(KeyError::Locked)));
    assert!(matches!(locked.set_passphrase(None), Err(KeyError::Locked)));

    let error = locked.unlock(&passphrase("wrong horse")).unwrap_err();
    assert!(matches!(error, KeyError::WrongPassphrase { .. }));
    assert!(error.to_string().contains("machine.key"), "{error}");
    assert!(locked.is_locked());
    locked.unlock(&passphrase("correct horse")).unwrap();
    locked.secret("ada", Role::Device, &device).unwrap();
    locked.lock();
    assert!(matches!(locked.secret("ada", Role::Device, &device), Err(KeyError::Locked)));
}

#[test]
fn a_passphrase_can_be_changed_and_removed() {
    let (_dir, folder, keyring) = with_ada();
    keyring.set_passphrase(Some(&passphrase("one"))).unwrap();
    keyring.set_passphrase(Some(&passphrase("two"))).unwrap();
    let again = open(&folder).unwrap();
    assert!(matches!(again.unlock(&passphrase("one")), Err(KeyError::WrongPassphrase { .. })));
    again.unlock(&passphrase("two")).unwrap();
    again.set_passphrase(None).unwrap();
    assert_eq!(again.protection(), Protection::Permissions);
    let open_again = open(&folder).unwrap();
    assert!(!open_again.is_locked());
    open_again.secret("ada", Role::Root, &key(1).public()).unwrap();
    // Nothing to forget a key for, if nothing can bring it back.
    open_again.lock();
    assert!(!open_again.is_locked());
    assert!(matches!(Passphrase::new(String::new()), Err(KeyError::EmptyPassphrase)));
}

#[test]
fn no_file_shows_a_secret() {
    let (_dir, folder, keyring) = with_ada();
    let machine = fs::read_to_string(folder.join("machine.key")).unwrap();
    let secret_line = machine.lines().last().unwrap().to_owned();
    keyring.set_passphrase(Some(&passphrase("correct horse"))).unwrap();
    let seed = key(1);
    for file in fs::read_dir(&folder).unwrap() {
        let content = fs::read(file.unwrap().path()).unwrap();
        let holds = |what: &[u8]| content.windows(what.len()).any(|window| window == what);
        assert!(!holds(secret_line.as_bytes()) && !holds(b"correct horse") && !holds(seed.seed()));
        assert!(!holds(data_encoding::BASE64_NOPAD.encode(seed.seed()).as_bytes()));
        assert!(!holds(data_encoding::HEXLOWER.encode(seed.seed()).as_bytes()));
    }
}

#[test]
fn debug_and_errors_show_no_secret() {
    let (_dir, _folder, keyring) = with_ada();
    keyring.secret("ada", Role::Device, &key(3).public()).unwrap();
    let mut shown = format!("{keyring:?} {:?} {:?}", keyring.entries(), passphrase("correct horse"));
    shown += &format!("{:?}", keyring.secrets("ada").unwrap());
    keyring
        .update("ada", |edit: &mut Edit| {
            shown += &format!("{edit:?}");
            Ok(())
        })
        .unwrap();
    for n in 1..=3u8 {
        assert!(
            !shown.contains(&format!("{n}, {n}, {n}")) && !shown.contains(&format!("{n:02x}").repeat(8)),
            "{shown}"
        );
    }
    assert!(!shown.contains("AGE-SECRET") && !shown.contains("horse"), "{shown}");
}

#[test]
fn an_update_is_seen_whole_or_not_at_all() {
    let (_dir, folder, keyring) = with_ada();
    let id = IdentityId([5; 32]);
    keyring
        .update("ada", |edit| {
            edit.remove(&key(1).public())?;
            edit.set_role(&key(2).public(), Role::Root)?;
            edit.add(Role::NextRoot, key(4))?;
            edit.set_identity(Some(id));
            Ok(())
        })
        .unwrap();
    let expected = vec![(Role::Root, key(2)), (Role::Device, key(3)), (Role::NextRoot, key(4))];
    let again = open(&folder).unwrap();
    assert_eq!(again.entries(), keyring.entries());
    let entry = again.entry("ada").unwrap();
    assert_eq!(entry.identity, Some(id));
    let listed: Vec<_> = entry.keys.iter().map(|entry| (entry.role, entry.key)).collect();
    assert_eq!(listed, expected.iter().map(|(role, secret)| (*role, secret.public())).collect::<Vec<_>>());
    for (role, secret) in &expected {
        assert_eq!(again.secret("ada", *role, &secret.public()).unwrap().seed(), secret.seed());
    }

    let before = fs::read(folder.join("ada.keys")).unwrap();
    let twice = keyring.update("ada", |edit| {
        edit.remove(&key(3).public())?;
        edit.add(Role::App, key(4))
    });
    assert!(matches!(twice, Err(KeyError::KeyTwice { .. })));
    let unknown = keyring.update("ada", |edit| edit.remove(&key(1).public()));
    assert!(matches!(unknown, Err(KeyError::KeyNotHeld { .. })));
    assert_eq!(fs::read(folder.join("ada.keys")).unwrap(), before);
    assert_eq!(keyring.entry("ada").unwrap(), entry);
}

#[test]
fn a_removed_key_is_gone_from_memory_too() {
    let (_dir, _folder, keyring) = with_ada();
    let device = key(3).public();
    keyring.secret("ada", Role::Device, &device).unwrap();
    keyring.update("ada", |edit| edit.remove(&device)).unwrap();
    assert!(matches!(keyring.secret("ada", Role::Device, &device), Err(KeyError::NoSuchKey { .. })));
    keyring.remove("ada").unwrap();
    assert!(matches!(keyring.secret("ada", Role::Root, &key(1).public()), Err(KeyError::NotFound(_))));
    assert!(matches!(keyring.remove("ada"), Err(KeyError::NotFound(_))));
}

#[test]
fn an_entry_holds_each_key_once_and_not_too_many() {
    let (_dir, _folder, keyring) = with_ada();
    let twice = [(Role::Root, key(1)), (Role::Device, key(1))];
    assert!(matches!(keyring.add("bob", Kind::Identity, None, &twice), Err(KeyError::KeyTwice { .. })));
    let most: Vec<_> = (0..=MOST_KEYS).map(|n| (Role::App, key(n as u8))).collect();
    assert!(matches!(keyring.add("bob", Kind::App, None, &most), Err(KeyError::TooManyKeys { .. })));
    keyring.add("bob", Kind::App, None, &most[1..]).unwrap();
    let more = keyring.update("bob", |edit| edit.add(Role::App, key(0)));
    assert!(matches!(more, Err(KeyError::TooManyKeys { .. })));
}

#[test]
fn renaming_takes_the_keys_along_and_no_name_from_others() {
    let (_dir, folder, keyring) = with_ada();
    keyring.add("bob", Kind::App, None, &[(Role::App, key(8))]).unwrap();
    assert!(matches!(keyring.rename("ada", "bob"), Err(KeyError::Exists(_))));
    assert!(matches!(keyring.add("bob", Kind::App, None, &[]), Err(KeyError::Exists(_))));
    keyring.rename("ada", "countess").unwrap();
    let again = open(&folder).unwrap();
    for keyring in [&keyring, &again] {
        assert_eq!(keyring.entries().iter().map(|entry| entry.name.as_str()).collect::<Vec<_>>(), ["bob", "countess"]);
        keyring.secret("countess", Role::Root, &key(1).public()).unwrap();
    }
}

#[test]
fn names_that_could_leave_the_folder_are_refused() {
    let (dir, _folder, keyring) = with_ada();
    for name in ["", "../x", "a/b", "a\\b", ".hidden", "-flag", "a b", "a\0b", "..", &"x".repeat(65)] {
        assert!(matches!(keyring.add(name, Kind::App, None, &[]), Err(KeyError::Name(_))), "{name}");
        assert!(matches!(keyring.rename("ada", name), Err(KeyError::Name(_))), "{name}");
        assert!(matches!(keyring.rename(name, "eve"), Err(KeyError::Name(_))), "{name}");
        assert!(matches!(keyring.remove(name), Err(KeyError::Name(_))), "{name}");
        assert!(matches!(keyring.secrets(name), Err(KeyError::Name(_))), "{name}");
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[cfg(unix)]
mod permissions {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn chmod(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn only_the_owner_can_read_what_a_keyring_writes() {
        let (_dir, folder, keyring) = with_ada();
        keyring.set_passphrase(Some(&passphrase("x"))).unwrap();
        keyring.rename("ada", "eve").unwrap();
        keyring.update("eve", |edit| edit.add(Role::App, key(5))).unwrap();
        assert_eq!(mode(&folder), 0o700);
        for file in fs::read_dir(&folder).unwrap() {
            let path = file.unwrap().path();
            assert_eq!(mode(&path), 0o600, "{}", path.display());
        }
    }

    #[test]
    fn files_that_others_can_read_are_not_used() {
        let (_dir, folder, keyring) = with_ada();
        for (name, wrong, right) in [("machine.key", 0o640, 0o600), ("ada.keys", 0o604, 0o600), ("", 0o770, 0o700)] {
            let path = if name.is_empty() { folder.clone() } else { folder.join(name) };
            chmod(&path, wrong);
            let error = open(&folder).unwrap_err();
            assert!(matches!(error, KeyError::TooOpen { mode, .. } if mode == wrong), "{error}");
            assert!(error.to_string().contains(&format!("chmod {right:o} {}", path.display())), "{error}");
            chmod(&path, right);
        }
        chmod(&folder.join("ada.keys"), 0o644);
        assert!(matches!(keyring.secret("ada", Role::Root, &key(1).public()), Err(KeyError::TooOpen { .. })));
    }
}

#[test]
fn a_damaged_file_is_named_and_never_overwritten() {
    let (_dir, folder, keyring) = with_ada();
    let path = folder.join("ada.keys");
    let whole = fs::read(&path).unwrap();
    let trimmed = whole.len() - 1;
    for cut in (0..trimmed).step_by(7) {
        fs::write(&path, &whole[..cut]).unwrap();
        damaged(open(&folder), "ada.keys");
        damaged(keyring.update("ada", |edit| edit.add(Role::App, key(5))), "ada.keys");
        damaged(keyring.rename("ada", "eve"), "ada.keys");
        damaged(keyring.secret("ada", Role::Root, &key(1).public()), "ada.keys");
        assert!(matches!(keyring.add("ada", Kind::App, None, &[]), Err(KeyError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), &whole[..cut]);
    }
    assert_eq!(fs::read_dir(&folder).unwrap().count(), 3, "the machine key, the lock and ada");
}

#[test]
fn no_changed_byte_of_an_entry_goes_unnoticed() {
    let (_dir, folder, keyring) = with_ada();
    let path = folder.join("ada.keys");
    let whole = fs::read(&path).unwrap();
    let entries = keyring.entries();
    for at in (0..whole.len()).step_by(3) {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        match open(&folder) {
            // A blank that became another blank changes nothing that is said.
            Ok(keyring) => assert!(whole[at].is_ascii_whitespace() && keyring.entries() == entries, "byte {at}"),
            Err(error) => assert!(error.to_string().contains("ada.keys"), "byte {at}: {error}"),
        }
    }
}

#[test]
fn a_clear_part_that_was_edited_is_found_when_the_keyring_opens() {
    let (_dir, folder, keyring) = with_ada();
    let path = folder.join("ada.keys");
    let whole = fs::read_to_string(&path).unwrap();
    let edits = [
        (key(1).public().to_string(), key(7).public().to_string()),
        (IdentityId([9; 32]).to_string(), IdentityId([8; 32]).to_string()),
        ("\"next-root\"".to_owned(), "\"recovery\"".to_owned()),
        ("\"kind\": \"identity\"".to_owned(), "\"kind\": \"app\"".to_owned()),
    ];
    for (from, to) in &edits {
        let edited = whole.replace(from, to);
        assert_ne!(edited, whole);
        fs::write(&path, &edited).unwrap();
        damaged(open(&folder), "ada.keys");
    }
    // Under a passphrase it is found when the passphrase comes.
    keyring.set_passphrase(Some(&passphrase("x"))).unwrap();
    let locked = open(&folder).unwrap();
    damaged(locked.unlock(&passphrase("x")), "ada.keys");
    assert!(locked.is_locked());
    // An unknown field is refused, and a newer format is called newer.
    fs::write(&path, whole.replace("\"kind\"", "\"note\": 1, \"kind\"")).unwrap();
    damaged(open(&folder), "ada.keys");
    fs::write(&path, whole.replace("\"version\": 1", "\"version\": 2, \"more\": true")).unwrap();
    assert!(matches!(open(&folder), Err(KeyError::NewerFormat { found: 2, .. })));
}

#[test]
fn swapped_files_are_named() {
    let (dir, folder, keyring) = with_ada();
    keyring.add("bob", Kind::Identity, None, &[(Role::Device, key(8))]).unwrap();
    let (ada, bob) = (folder.join("ada.keys"), folder.join("bob.keys"));
    let (ada_file, bob_file) = (fs::read_to_string(&ada).unwrap(), fs::read_to_string(&bob).unwrap());
    fs::write(&ada, &bob_file).unwrap();
    damaged(open(&folder), "ada.keys");
    // Even if the name inside is changed to fit.
    fs::write(&ada, bob_file.replace("\"bob\"", "\"ada\"")).unwrap();
    damaged(open(&folder), "ada.keys");
    fs::write(&ada, &ada_file).unwrap();
    open(&folder).unwrap();

    // An entry from another keyring does not open here.
    let other = open(&dir.path().join("other")).unwrap();
    other.add("ada", Kind::Identity, Some(IdentityId([9; 32])), &self::ada()).unwrap();
    fs::copy(dir.path().join("other/ada.keys"), &ada).unwrap();
    damaged(open(&folder), "ada.keys");
}

#[test]
fn a_lost_or_damaged_machine_key_is_not_replaced() {
    let (_dir, folder, keyring) = with_ada();
    let path = folder.join("machine.key");
    let plain = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(open(&folder), Err(KeyError::NoMachineKey { .. })));
    assert!(!path.exists());

    keyring.set_passphrase(Some(&passphrase("x"))).unwrap();
    let sealed = fs::read(&path).unwrap();
    for cut in [0, 1, plain.len() / 2, plain.len() - 2] {
        fs::write(&path, &plain[..cut]).unwrap();
        damaged(open(&folder), "machine.key");
        assert_eq!(fs::read(&path).unwrap(), &plain[..cut]);
    }
    for cut in [40, 100, sealed.len() / 2, sealed.len() - 10] {
        fs::write(&path, &sealed[..cut]).unwrap();
        damaged(open(&folder).unwrap().unlock(&passphrase("x")), "machine.key");
        assert_eq!(fs::read(&path).unwrap(), &sealed[..cut]);
    }
}

#[test]
fn what_a_crash_left_unfinished_is_removed() {
    let (_dir, folder, _keyring) = with_ada();
    fs::write(folder.join(".abc.partial"), "AGE-SECRET-KEY-1").unwrap();
    open(&folder).unwrap();
    assert!(!folder.join(".abc.partial").exists());
}

#[test]
fn keyrings_and_threads_that_add_do_not_lose_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    // Four keyrings that open at once make one machine key; four threads each add through them.
    std::thread::scope(|scope| {
        for k in 0..4u8 {
            let folder = &folder;
            scope.spawn(move || {
                let keyring = open(folder).unwrap();
                std::thread::scope(|scope| {
                    for t in 0..4u8 {
                        let keyring = &keyring;
                        scope.spawn(move || {
                            let n = k * 4 + t;
                            keyring.add(&format!("e{n}"), Kind::App, None, &[(Role::App, key(n))]).unwrap();
                            match keyring.add("contested", Kind::App, None, &[(Role::App, key(100 + n))]) {
                                Ok(_) | Err(KeyError::Exists(_)) => {}
                                Err(error) => panic!("{error}"),
                            }
                        });
                    }
                });
            });
        }
    });
    let keyring = open(&folder).unwrap();
    assert_eq!(keyring.entries().len(), 17);
    for n in 0..16u8 {
        keyring.secret(&format!("e{n}"), Role::App, &key(n).public()).unwrap();
    }
}

/// Where a process that this test starts finds the keyring.
const FOLDER: &str = "ATLAS_KEYS_TEST_FOLDER";

#[test]
fn processes_that_add_do_not_lose_one_another() {
    const NAME: &str = "keyring::processes_that_add_do_not_lose_one_another";
    if let Some(folder) = std::env::var_os(FOLDER) {
        let keyring = open(Path::new(&folder)).unwrap();
        for n in 0..4u8 {
            let name = format!("p{}-{n}", std::process::id());
            keyring.add(&name, Kind::App, None, &[(Role::App, key(n))]).unwrap();
        }
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("keys");
    let this_test = || {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", NAME]).env(FOLDER, &folder).stdout(std::process::Stdio::null());
        command.spawn().unwrap()
    };
    let processes: Vec<_> = (0..4).map(|_| this_test()).collect();
    for mut process in processes {
        assert!(process.wait().unwrap().success());
    }
    let keyring = open(&folder).unwrap();
    assert_eq!(keyring.entries().len(), 16);
    for entry in keyring.entries() {
        keyring.secret(&entry.name, Role::App, &entry.keys[0].key).unwrap();
    }
}

#[test]
fn updates_of_one_entry_from_several_keyrings_all_count() {
    let (_dir, folder, keyring) = with_ada();
    std::thread::scope(|scope| {
        for k in 0..4u8 {
            let folder = &folder;
            scope.spawn(move || {
                let keyring = open(folder).unwrap();
                for t in 0..4u8 {
                    keyring.update("ada", |edit| edit.add(Role::App, key(20 + k * 4 + t))).unwrap();
                }
            });
        }
    });
    keyring.reload().unwrap();
    assert_eq!(keyring.entry("ada").unwrap().in_role(Role::App).count(), 16);
    keyring.secret("ada", Role::Root, &key(1).public()).unwrap();
}
