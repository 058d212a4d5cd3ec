//! Headers: of the founder, of strangers, with links and extensions of every kind.

use serde_json::{Value as Json, json};

use super::{Questions, fewer_rows, pick, some_entry};
use crate::laws::dice::Dice;
use crate::roles::admission::{Admission, Admittance, Applicant, Extension, Supplied};
use crate::validator::{Link, Operation};

impl Questions for Admission {
    fn made((): &(), dice: &mut Dice) -> Applicant {
        let founder = dice.id();
        let relations = ["invited-by", "member", "reply", "stamp", "follows"];
        let links = (0..dice.below(4)).map(|_| {
            let id = dice.id();
            let target = match dice.below(4) {
                0 => format!("id:{id}"),
                1 => "name:someone".to_owned(),
                _ => id,
            };
            Link { relation: (*dice.one_of(&relations)).to_owned(), target }
        });
        let links = links.collect();
        let extensions = (0..dice.below(3))
            .map(|n| Extension {
                name: format!("{}-{n}", dice.one_of(&["stamp", "work", "invite"])),
                value: vec![0x18, 0x2a],
            })
            .collect();
        Applicant {
            space: dice.id(),
            author: if dice.once_in(3) { founder.clone() } else { dice.id() },
            founder,
            type_name: (*dice.one_of(&["atlas.post", "atlas.package", "example.thing"])).to_owned(),
            created: 1_700_000_000_000 + dice.number() % 1_000_000,
            key: dice.once_in(2).then(|| "key".to_owned()),
            operation: if dice.once_in(5) { Operation::Delete } else { Operation::Put },
            links,
            size: dice.number() % 65_536,
            extensions,
            supplied: vec![],
        }
    }

    fn damaged(applicant: &Applicant, dice: &mut Dice) -> Applicant {
        let mut damaged = applicant.clone();
        let text = || (*Dice::new(7).one_of(&["", "\0", "bafy", "é"])).to_owned();
        match dice.below(7) {
            0 => damaged.author = text(),
            1 => damaged.founder = dice.one_of(&["", "\u{10ffff}"]).to_string(),
            2 => damaged.created = dice.lifelike(),
            3 => damaged.size = u64::MAX,
            4 => damaged.links.push(Link { relation: "invited-by".to_owned(), target: text() }),
            5 => damaged.extensions.truncate(4),
            _ => damaged.type_name = text(),
        }
        for extension in &mut damaged.extensions {
            extension.value = dice.bytes(64);
        }
        damaged
    }

    fn smaller(applicant: &Applicant) -> Vec<Applicant> {
        let mut smaller: Vec<Applicant> = fewer_rows(applicant.links.len())
            .iter()
            .map(|rows| Applicant { links: pick(&applicant.links, rows), ..applicant.clone() })
            .collect();
        smaller.extend(
            fewer_rows(applicant.extensions.len())
                .iter()
                .map(|rows| Applicant { extensions: pick(&applicant.extensions, rows), ..applicant.clone() }),
        );
        smaller.extend(
            fewer_rows(applicant.supplied.len())
                .iter()
                .map(|rows| Applicant { supplied: pick(&applicant.supplied, rows), ..applicant.clone() }),
        );
        smaller.push(Applicant { key: None, ..applicant.clone() });
        smaller
    }

    fn size(applicant: &Applicant) -> usize {
        let values: usize = applicant.extensions.iter().map(|it| 1 + it.value.len()).sum();
        applicant.links.len() + values + applicant.supplied.len() + usize::from(applicant.key.is_some())
    }

    fn supplied_with(applicant: &Applicant, ids: &[String]) -> Option<Applicant> {
        let mut more = applicant.clone();
        let new = ids.iter().filter(|id| !Self::has(applicant, id));
        more.supplied.extend(new.map(|id| Supplied { id: id.clone(), entry: some_entry(applicant.author.clone()) }));
        Some(more)
    }

    fn has(applicant: &Applicant, id: &str) -> bool {
        applicant.supplied.iter().any(|supplied| supplied.id == id)
    }

    fn gist(answer: &Admittance) -> Json {
        match answer {
            Admittance::Refused(reason) => json!(reason.code),
            other => json!(other),
        }
    }

    fn in_short(answer: &Admittance) -> String {
        match answer {
            Admittance::Admitted(_) => "admitted".to_owned(),
            Admittance::Refused(reason) => reason.code.clone(),
            Admittance::Needs(_) => "needs records".to_owned(),
        }
    }
}
