//! Candidates: some of one author, some of one time, columns that are there or not.

use serde_json::{Value as Json, json};

use super::{Order, Questions, fewer_rows, pick};
use crate::laws::dice::Dice;
use crate::roles::ranker::{Column, LeftOut, Ordered, Question, Ranker, Rules};

impl Questions for Ranker {
    fn made(rules: &Rules, dice: &mut Dice) -> Question {
        let count = dice.below(24);
        let now = 1_700_000_000_000 + dice.number() % 100_000_000_000;
        let mut columns = Vec::new();
        for name in &rules.columns {
            if !dice.once_in(4) {
                let value = |_| match dice.below(3) {
                    0 => 0,
                    1 => dice.within(-1_000_000, 1_000_000),
                    _ => dice.within(0, 20),
                };
                columns.push(Column { name: name.clone(), values: (0..count).map(value).collect() });
            }
        }
        Question {
            now,
            ids: (0..count).map(|_| dice.id()).collect(),
            authors: (0..count).map(|_| dice.below(6) as u32).collect(),
            created: (0..count).map(|_| now - (dice.number() % 8) * 3_600_000).collect(),
            columns,
        }
    }

    fn damaged(question: &Question, dice: &mut Dice) -> Question {
        let mut damaged = question.clone();
        for created in &mut damaged.created {
            if dice.once_in(2) {
                *created = dice.lifelike();
            }
        }
        for value in damaged.columns.iter_mut().flat_map(|column| &mut column.values) {
            if dice.once_in(2) {
                *value = *dice.one_of(&[i64::MIN, i64::MAX, -1, 0, 1, dice.clone().lifelike() as i64]);
            }
        }
        if dice.once_in(3) {
            damaged.now = dice.lifelike();
        }
        if dice.once_in(3) {
            damaged.columns.push(Column { name: "unheard-of".to_owned(), values: vec![7; question.ids.len()] });
            damaged.columns.dedup_by(|a, b| a.name == b.name);
        }
        damaged.authors.fill(u32::MAX);
        damaged
    }

    fn smaller(question: &Question) -> Vec<Question> {
        let mut smaller: Vec<Question> =
            fewer_rows(question.ids.len()).iter().map(|rows| rows_of(question, rows)).collect();
        smaller.extend(
            fewer_rows(question.columns.len())
                .iter()
                .map(|rows| Question { columns: pick(&question.columns, rows), ..question.clone() }),
        );
        smaller
    }

    fn size(question: &Question) -> usize {
        question.ids.len() * (1 + question.columns.len()) + question.columns.len()
    }

    fn arranged(question: &Question, dice: &mut Dice) -> Option<(Question, Order)> {
        let rows = dice.order(question.ids.len());
        Some((rows_of(question, &rows), Order { rows, more: vec![] }))
    }

    fn rearranged(answer: &Ordered, order: &Order) -> Ordered {
        let mut now_at = vec![0_u32; order.rows.len()];
        for (new, old) in (0..).zip(&order.rows) {
            now_at[*old] = new;
        }
        let moved = |row: u32| now_at[row as usize];
        Ordered {
            order: answer.order.iter().map(|row| moved(*row)).collect(),
            left_out: { answer.left_out.iter() }
                .map(|left| LeftOut { candidate: moved(left.candidate), reason: left.reason.clone() })
                .collect(),
            ..answer.clone()
        }
    }

    /// The order and what is left out; scores mean something within one ranker only.
    fn gist(answer: &Ordered) -> Json {
        json!([answer.order, answer.left_out.iter().map(|left| left.candidate).collect::<Vec<_>>()])
    }

    fn in_short(answer: &Ordered) -> String {
        match answer.left_out.len() {
            0 => "ordered".to_owned(),
            left => format!("ordered, {left} left out"),
        }
    }
}

fn rows_of(question: &Question, rows: &[usize]) -> Question {
    let column = |column: &Column| Column { name: column.name.clone(), values: pick(&column.values, rows) };
    Question {
        now: question.now,
        ids: pick(&question.ids, rows),
        authors: pick(&question.authors, rows),
        created: pick(&question.created, rows),
        columns: question.columns.iter().map(column).collect(),
    }
}
