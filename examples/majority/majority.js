// More yes than no decides, if enough of the roll took part.
//
// This is the whole module. Who is on the roll votes with the weight that it gives; abstaining counts
// for the quorum and for nothing else. `said` says what a ballot means, `decide` what comes of all of
// them. Change them into your own.

import { accepted, governance, open, rejected } from '../atlas/governance.js';
import { cut, decodeMap } from '../atlas/reading.js';

const VOTES = ['yes', 'no', 'abstain'];

/** What a ballot says, or why it does not count. Texts are about the rule: one stands for all of its code. */
function said({ opened, closes }, cast, body) {
  if (cast < opened) return { code: 'early', text: `cast before voting began at ${opened}` };
  if (cast > closes) return { code: 'late', text: `cast after voting ended at ${closes}` };
  const ballot = decodeMap(body);
  if (ballot === undefined) return { code: 'unreadable', text: 'the ballot is no canonical map' };
  const vote = ballot.get('vote');
  return VOTES.includes(vote) ? { vote } : { code: 'no-vote', text: 'expected `vote`: yes, no or abstain' };
}

/** What has to take part, in the roll's thousandths: percent of the roll, rounded up. */
function quorumOf({ parameters }, roll) {
  const given = parameters.get('quorum');
  const percent = typeof given === 'bigint' && BigInt.asIntN(64, given) === given ? given : 0n;
  return (roll * (percent < 0n ? 0n : percent > 100n ? 100n : percent) + 99n) / 100n;
}

function decide({ body, closes, now }, { yes, no, abstain }, quorum) {
  const choice = body.get('choice');
  if (typeof choice === 'string' && choice !== 'vote') {
    // A proposal may hold anything.
    return [rejected, `the proposal is answered by ${cut(choice, 64)}: a majority decides yes or no only`];
  }
  if (now <= closes) return [open, `voting is open until ${closes}`];
  const tookPart = yes + no + abstain;
  if (tookPart < quorum || tookPart === 0n) return [rejected, `${tookPart} took part, and the quorum is ${quorum}`];
  if (yes > no) return [accepted(), `${yes} said yes and ${no} no`];
  return [rejected, `${yes} said yes and ${no} no: more have to say yes`];
}

export const { module, tallying } = governance({
  name: 'example:majority',
  version: '0.1.0',
  summary: 'More yes than no decides, once a quorum of the roll took part.',

  // By voter: a line of the roll and a ballot come in any order.
  begin: () => ({ weights: new Map(), votes: new Map() }),

  fold(question, { weights, votes }, { members, ballots }) {
    members.voter.forEach((voter, row) => weights.set(voter, BigInt(members.weight[row])));
    ballots.voter.forEach((voter, row) => votes.set(voter, said(question, ballots.cast[row], ballots.body[row])));
  },

  finish(question, { weights, votes }) {
    const sums = { yes: 0n, no: 0n, abstain: 0n };
    const setAside = [];
    for (const [voter, { vote, code, text }] of votes) {
      if (!weights.has(voter)) setAside.push({ voter, code: 'not-on-roll', text: 'the voter is not on the roll' });
      else if (vote === undefined) setAside.push({ voter, code, text });
      else sums[vote] += weights.get(voter);
    }
    let roll = 0n;
    for (const weight of weights.values()) roll += weight;
    const quorum = quorumOf(question, roll);
    const [decision, text] = decide(question, sums, quorum);
    return { decision, text, figures: { ...sums, roll, quorum }, counted: votes.size - setAside.length, setAside };
  },
});
