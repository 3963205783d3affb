/** Invariant 8, of the operator log: what people changed is in it once, in the order of commits, and nothing else is. */
import type { Checker } from './checker.ts';

/** The operations that make a version of a campaign. */
const CHANGES = /^(edit|announce|pause|resume|cancel|close|archive|raise)Campaign$/;

export function checkActs(checker: Checker): void {
  const ledger = checker.ledger();
  const acts = [...ledger.acts()].sort((a, b) => a.seq - b.seq);
  acts.forEach(({ seq }, index) => {
    if (seq !== index + 1) checker.breaks(8, `act ${index + 1} of the operator log has the number ${seq}`);
  });
  const changed = ledger
    .versions()
    .filter(({ action, state }) => action !== 'make' && state === 'effective')
    .map(
      ({ campaignId, version, action }) => `${action}Campaign of campaign ${campaignId}, version ${version}`,
    );
  const written = acts
    .filter(({ action }) => CHANGES.test(action))
    .map(({ action, target, details }) => `${action} of ${target}, version ${JSON.parse(details).version}`);
  const terms = ledger
    .roomTerms()
    .filter(({ version }) => version > 1)
    .map(({ campaignId, version }) => `setRoom of campaign ${campaignId}, version ${version}`);
  const set = acts
    .filter(({ action }) => action === 'setRoom')
    .map(({ target, details }) => `setRoom of ${target}, version ${JSON.parse(details).version}`);
  compare(checker, [...changed, ...terms], [...written, ...set]);
}

function compare(checker: Checker, done: readonly string[], written: readonly string[]): void {
  const [a, b] = [[...done].sort().join('; '), [...written].sort().join('; ')];
  if (a !== b) checker.breaks(8, `what was done is ${a}; the operator log has ${b}`);
}
