//! The purity probe: warm outcomes, now and then, against fresh instances.
//!
//! Two things are compared. The warm outcome against a canonical one: reuse, batching and
//! position must not show. And two canonical runs with each other, outcome and fuel: with
//! no clock and no chance to be had they can differ only through a defect of the sandbox,
//! which is then known too.

use std::sync::atomic::{AtomicU64, Ordering};

use super::{Call, Machine, Outcomes, World};
use crate::ids::ModuleKey;
use crate::outcome::Judgement;
use crate::quarantine::{Evidence, Seen, now};

/// In each of so many batches after a module is opened one question is probed, whatever the rate: one that has just
/// been installed is caught before it has done much.
const FIRST: u64 = 8;

/// Picks one of each of the first batches, then one question in so many, by a sequence that only this node knows.
pub(crate) struct Sampler {
    rate: u32,
    seed: u64,
    batches: AtomicU64,
    questions: AtomicU64,
}

impl Sampler {
    pub(crate) fn new(rate: u32, seed: u64, module: &ModuleKey) -> Self {
        let (own, _) = module.code.0.split_first_chunk::<8>().expect("a hash has 32 bytes");
        let seed = seed ^ u64::from_le_bytes(*own);
        Self { rate, seed, batches: AtomicU64::new(0), questions: AtomicU64::new(0) }
    }

    /// Positions of a batch that are to be probed.
    fn pick(&self, count: usize) -> impl Iterator<Item = usize> {
        let (rate, seed) = (u64::from(self.rate), self.seed);
        let (batch, first) = if rate == 0 || count == 0 {
            (FIRST, 0)
        } else {
            let batch = self.batches.fetch_add(1, Ordering::Relaxed);
            (batch, self.questions.fetch_add(count as u64, Ordering::Relaxed))
        };
        let early = (batch < FIRST).then(|| mix(!seed.wrapping_add(batch)) as usize % count);
        let by_rate = move |i: usize| rate != 0 && mix(seed.wrapping_add(first + i as u64)).is_multiple_of(rate);
        (0..count).filter(move |&i| early == Some(i) || by_rate(i))
    }
}

/// SplitMix64 (Steele, Lea and Flood 2014): every bit of the input moves every other.
const fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl<W: World> Machine<W> {
    /// Probes a sample of a batch. Says whether the module contradicted itself, in which
    /// case it is out of service from now on.
    pub(super) fn contradicted<C: Call<W>>(&self, call: &C, batch: &[C::Question], outcomes: &[C::Outcome]) -> bool {
        let Some(accuse) = call.accuse() else { return false };
        for position in self.sampler.pick(batch.len()) {
            self.counters.probes.add(1);
            let runs = [self.judge_alone(call, &batch[position]), self.judge_alone(call, &batch[position])];
            if consistent(&outcomes[position], &runs) {
                continue;
            }
            self.shared.quarantine.take(Evidence {
                module: self.key,
                config: self.binding.config.to_vec(),
                meter: self.binding.meter,
                fuel: self.binding.fuel,
                memory: self.binding.memory,
                position: (position as u64, batch.len() as u64),
                contradiction: accuse(Seen {
                    question: batch[position].clone(),
                    warm: outcomes[position].clone(),
                    canonical: runs.to_vec(),
                }),
                seen: now(),
            });
            return true;
        }
        false
    }
}

/// Host faults say nothing about the module, so a run that ended in one is not compared.
fn consistent<O: Outcomes>(warm: &O, runs: &[Judgement<O>; 2]) -> bool {
    let [first, second] = runs;
    let agrees = |run: &Judgement<O>| !run.outcome.is_verdict() || run.outcome == *warm;
    let comparable = first.outcome.is_verdict() && second.outcome.is_verdict();
    agrees(first) && agrees(second) && (!comparable || first == second)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{CodeHash, ConfigHash};
    use crate::outcome::{Cause, HostFault, Outcome};

    fn sampler(rate: u32) -> Sampler {
        Sampler::new(rate, 7, &ModuleKey { code: CodeHash([1; 32]), config: ConfigHash([2; 32]) })
    }

    #[test]
    fn a_sample_has_about_the_asked_size_and_zero_asks_for_none() {
        assert_eq!(sampler(0).pick(1000).count(), 0);
        assert_eq!(sampler(1).pick(1000).count(), 1000);
        let picked = sampler(100).pick(100_000).count();
        assert!((800..1200).contains(&picked), "{picked} of 100,000 at one in a hundred");
        let rare = sampler(u32::MAX);
        let early: Vec<usize> = (0..20).map(|_| rare.pick(50).count()).collect();
        assert_eq!(early, [[1; 8].as_slice(), &[0; 12]].concat(), "one of each of the first batches");
    }

    #[test]
    fn fuel_is_compared_between_fresh_runs_and_faults_are_not_compared() {
        let valid = Outcome::Valid(vec![]);
        let run = |outcome: &Outcome, fuel| Judgement { outcome: outcome.clone(), fuel };
        let fault = run(&Outcome::Fault(HostFault::StackOverflow), None);
        let spent = run(&Outcome::Invalid(Cause::FuelExhausted), Some(9));
        assert!(consistent(&valid, &[run(&valid, Some(3)), run(&valid, Some(3))]));
        assert!(!consistent(&valid, &[run(&valid, Some(3)), run(&valid, Some(4))]));
        assert!(!consistent(&valid, &[spent.clone(), spent]));
        assert!(consistent(&valid, &[fault.clone(), run(&valid, Some(3))]));
        assert!(consistent(&valid, &[fault.clone(), fault]));
    }
}
