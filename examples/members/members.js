// The founder and those whom the config names may write.
//
// This is the whole module. `membersOf` says what a config may hold, `admit` who comes in. Change
// them into your own. A change of the members is a change of the config, and so an amendment.

import { admission } from '../atlas/admission.js';
import { refuse } from '../atlas/atlas.js';
import { only, readConfig } from '../atlas/reading.js';

/** Most members that a config names. */
const MEMBERS = 16_384;

let members = new Set();

function membersOf(config) {
  only(config, 'members');
  const found = new Set();
  for (const member of config.list('members').count(0, MEMBERS)) {
    const id = member.text().value;
    if (id.length !== 59 || !/^bafy[a-z2-7]*$/.test(id)) {
      refuse('not-an-id', `\`${member.path}\` is no identity: expected its id, as bafyr4ig…`);
    }
    if (found.has(id)) refuse('twice', `\`${member.path}\` is named twice`);
    found.add(id);
  }
  return found;
}

export const { module, admitting } = admission({
  name: 'example:members',
  version: '0.1.0',
  summary: 'The founder and the members that the config names may write.',

  configure(config) {
    members = config.length > 0 ? membersOf(readConfig(config)) : new Set();
  },

  admit({ author, founder }) {
    if (author === founder || members.has(author)) return;
    const ask = 'ask its founder, or propose an amendment that names the author';
    refuse('no-member', `the author is no member of this space: ${ask}`);
  },
});
