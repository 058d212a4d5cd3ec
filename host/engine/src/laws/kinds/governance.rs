//! Tallies: rolls with gaps, ballots of strangers, bodies that are none, votes of every way.

use atlas_record::cbor::{Map, encode_map};
use atlas_record::json::parse_json;

use serde_json::{Value as Json, json};

use super::{Order, Questions, fewer_rows, pick};
use crate::laws::dice::Dice;
use crate::roles::governance::{Ballots, Chunk, Decision, Delegations, Governance, Members, Question, Tallied};

/// What voters say, in every way that a ballot can be meant.
const BALLOTS: [&str; 12] = [
    r#"{"vote":"yes"}"#,
    r#"{"vote":"yes"}"#,
    r#"{"vote":"no"}"#,
    r#"{"vote":"abstain"}"#,
    r#"{"vote":"maybe"}"#,
    r#"{"approve":["a","c"]}"#,
    r#"{"approve":[]}"#,
    r#"{"rank":["b","a"]}"#,
    r#"{"rank":["a","a","z"]}"#,
    r#"{"scores":{"a":5,"b":0}}"#,
    r#"{"scores":{"a":-5,"z":99}}"#,
    "{}",
];
const PROPOSALS: [&str; 6] = [
    r#"{"title":"t","kind":"question"}"#,
    r#"{"title":"t","kind":"question","choice":"vote"}"#,
    r#"{"title":"t","kind":"question","choice":"approval","options":["a","b","c"]}"#,
    r#"{"title":"t","kind":"question","choice":"ranked","options":["a","b","c"]}"#,
    r#"{"title":"t","kind":"question","choice":"scores","options":["a","b","c"],"maxScore":5}"#,
    r#"{"choice":7,"options":"none"}"#,
];
const PARAMETERS: [&str; 4] = ["{}", r#"{"quorum":50}"#, r#"{"quorum":100,"threshold":67}"#, r#"{"quorum":"half"}"#];

/// One of several texts.
fn text(dice: &mut Dice, from: &[&'static str]) -> &'static str {
    from[dice.below(from.len())]
}

fn body(json: &str) -> Vec<u8> {
    let value = parse_json(json).expect("a constant body is JSON");
    encode_map(value.as_map().unwrap_or(&Map::new()))
}

impl Questions for Governance {
    fn made((): &(), dice: &mut Dice) -> Question {
        let voters = dice.below(20) as u32;
        let (opened, closes) = (1_000_000, 2_000_000);
        let (mut members, mut ballots, mut delegations) = (Members::none(), Ballots::none(), Delegations::none());
        for voter in dice.order(voters as usize) {
            let voter = voter as u32;
            if !dice.once_in(5) {
                members.voter.push(voter);
                members.weight.push(*dice.one_of(&[1000, 1000, 1000, 500, 1, 0, 1_000_000]));
                members.since.push(dice.lifelike());
            }
            if !dice.once_in(4) {
                ballots.voter.push(voter);
                ballots.cast.push(if dice.once_in(6) { dice.lifelike() } else { 1_500_000 });
                ballots.body.push(body(text(dice, &BALLOTS)));
            }
            if dice.once_in(4) {
                delegations.voter.push(voter);
                delegations.delegate.push(dice.below(voters as usize) as u32);
            }
        }
        let whole = Chunk { members, ballots, delegations };
        Question {
            proposal: dice.id(),
            proposer: (voters > 0 && dice.once_in(2)).then(|| dice.below(voters as usize) as u32),
            body: body(text(dice, &PROPOSALS)),
            opened,
            closes,
            now: *dice.one_of(&[2_000_001, 2_000_001, 2_000_000, 1_500_000]),
            voters,
            parameters: body(text(dice, &PARAMETERS)),
            lot: (0..32).map(|_| dice.number() as u8).collect(),
            chunks: cut(&whole, dice),
        }
    }

    fn damaged(question: &Question, dice: &mut Dice) -> Question {
        let mut damaged = question.clone();
        for body in damaged.chunks.iter_mut().flat_map(|chunk| &mut chunk.ballots.body) {
            if dice.once_in(2) {
                *body = dice.bytes(24);
            }
        }
        match dice.below(5) {
            0 => damaged.body = dice.bytes(40),
            1 => damaged.parameters = dice.bytes(20),
            2 => (damaged.opened, damaged.closes) = (dice.lifelike(), dice.lifelike()),
            3 => damaged.now = dice.lifelike(),
            _ => damaged.chunks.push(Chunk::none()),
        }
        damaged
    }

    fn smaller(question: &Question) -> Vec<Question> {
        let whole = joined(question);
        let with = |whole: Chunk| Question { chunks: vec![whole], ..question.clone() };
        let mut smaller = Vec::new();
        for rows in fewer_rows(whole.ballots.voter.len()) {
            smaller.push(with(Chunk { ballots: ballots_of(&whole.ballots, &rows), ..whole.clone() }));
        }
        for rows in fewer_rows(whole.members.voter.len()) {
            smaller.push(with(Chunk { members: members_of(&whole.members, &rows), ..whole.clone() }));
        }
        for rows in fewer_rows(whole.delegations.voter.len()) {
            smaller.push(with(Chunk { delegations: delegations_of(&whole.delegations, &rows), ..whole.clone() }));
        }
        let named = whole.members.voter.iter().chain(&whole.ballots.voter).chain(&question.proposer);
        let named = named.chain(&whole.delegations.voter).chain(&whole.delegations.delegate);
        let voters = named.max().map_or(0, |most| most + 1);
        smaller.push(Question { voters, ..question.clone() });
        smaller.push(Question { proposer: None, ..question.clone() });
        smaller.push(Question { parameters: body("{}"), ..question.clone() });
        if question.chunks.len() > 1 {
            smaller.push(with(whole));
        }
        smaller
    }

    fn size(question: &Question) -> usize {
        let rows = |chunk: &Chunk| {
            let bodies: usize = chunk.ballots.body.iter().map(Vec::len).sum();
            bodies + 4 * (chunk.members.voter.len() + chunk.ballots.voter.len() + chunk.delegations.voter.len())
        };
        let chunks: usize = question.chunks.iter().map(rows).sum();
        let rest = question.parameters.len() + usize::from(question.proposer.is_some()) + question.chunks.len();
        chunks + rest + question.voters as usize
    }

    fn arranged(question: &Question, dice: &mut Dice) -> Option<(Question, Order)> {
        let whole = joined(question);
        let turned = Chunk {
            members: members_of(&whole.members, &dice.order(whole.members.voter.len())),
            ballots: ballots_of(&whole.ballots, &dice.order(whole.ballots.voter.len())),
            delegations: delegations_of(&whole.delegations, &dice.order(whole.delegations.voter.len())),
        };
        let mut chunks = cut(&turned, dice);
        // Ballots before the roll, too.
        let order = dice.order(chunks.len());
        chunks = pick(&chunks, &order);
        Some((Question { chunks, ..question.clone() }, Order::default()))
    }

    fn gist(answer: &Tallied) -> Json {
        json!(answer.decision)
    }

    fn in_short(answer: &Tallied) -> String {
        match &answer.decision {
            Decision::Accepted(options) if options.is_empty() => "accepted".to_owned(),
            Decision::Accepted(options) => format!("chosen {options:?}"),
            Decision::Rejected => "rejected".to_owned(),
            Decision::Open => "open".to_owned(),
        }
    }
}

/// Columns without rows.
trait Empty {
    fn none() -> Self;
}

impl Empty for Members {
    fn none() -> Self {
        Self { voter: vec![], weight: vec![], since: vec![] }
    }
}

impl Empty for Ballots {
    fn none() -> Self {
        Self { voter: vec![], cast: vec![], body: vec![] }
    }
}

impl Empty for Delegations {
    fn none() -> Self {
        Self { voter: vec![], delegate: vec![] }
    }
}

impl Empty for Chunk {
    fn none() -> Self {
        Self { members: Members::none(), ballots: Ballots::none(), delegations: Delegations::none() }
    }
}

fn members_of(members: &Members, rows: &[usize]) -> Members {
    Members {
        voter: pick(&members.voter, rows),
        weight: pick(&members.weight, rows),
        since: pick(&members.since, rows),
    }
}

fn ballots_of(ballots: &Ballots, rows: &[usize]) -> Ballots {
    Ballots { voter: pick(&ballots.voter, rows), cast: pick(&ballots.cast, rows), body: pick(&ballots.body, rows) }
}

fn delegations_of(delegations: &Delegations, rows: &[usize]) -> Delegations {
    Delegations { voter: pick(&delegations.voter, rows), delegate: pick(&delegations.delegate, rows) }
}

fn joined(question: &Question) -> Chunk {
    let mut whole = Chunk::none();
    for Chunk { members, ballots, delegations } in question.chunks.iter().cloned() {
        whole.members.voter.extend(members.voter);
        whole.members.weight.extend(members.weight);
        whole.members.since.extend(members.since);
        whole.ballots.voter.extend(ballots.voter);
        whole.ballots.cast.extend(ballots.cast);
        whole.ballots.body.extend(ballots.body);
        whole.delegations.voter.extend(delegations.voter);
        whole.delegations.delegate.extend(delegations.delegate);
    }
    whole
}

/// Each table in chunks of its own length.
fn cut(whole: &Chunk, dice: &mut Dice) -> Vec<Chunk> {
    let mut pieces = |count: usize| -> Vec<Vec<usize>> {
        let rows: Vec<usize> = (0..count).collect();
        rows.chunks(1 + dice.below(count)).map(<[usize]>::to_vec).collect()
    };
    let (members, ballots) = (pieces(whole.members.voter.len()), pieces(whole.ballots.voter.len()));
    let delegations = pieces(whole.delegations.voter.len());
    let count = members.len().max(ballots.len()).max(delegations.len());
    let rows = |pieces: &[Vec<usize>], at: usize| pieces.get(at).cloned().unwrap_or_default();
    (0..count)
        .map(|at| Chunk {
            members: members_of(&whole.members, &rows(&members, at)),
            ballots: ballots_of(&whole.ballots, &rows(&ballots, at)),
            delegations: delegations_of(&whole.delegations, &rows(&delegations, at)),
        })
        .collect()
}
