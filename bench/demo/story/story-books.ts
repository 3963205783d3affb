/** The last chapter: downloads what was decided, and has the verifier check it, as anybody could. */
import { mkdir, rm } from 'node:fs/promises';
import { Faults } from '../checks/faults.ts';
import { checkLog, checkProofs } from '../checks/proofs.ts';
import type { Scheduled } from './story-schedule.ts';
import type { Stage } from './story-teller.ts';

export async function checkBooks(
  stage: Stage,
  { coupon, raffle }: Scheduled,
  directory: string,
): Promise<void> {
  const { teller, operator, site, fans } = stage;
  teller.chapter('6. What anybody can check');
  const closed = await operator.ask('POST', `/v1/campaigns/${coupon}/close`);
  teller.need('closing the coupon', closed, 200);
  await rm(directory, { recursive: true, force: true });
  await mkdir(directory, { recursive: true });
  const entries = fans.map(({ id }) => ({ user: id }));
  const faults = new Faults();
  const entered = [
    { campaign: coupon, kind: 'coupon', entries },
    { campaign: raffle, kind: 'raffle', entries },
  ] as const;
  const { proofVerified, receiptsVerified } = await checkProofs(site, entered, directory, faults);
  teller.equal('what the verifier finds', faults.lines, []);
  teller.equal('whether books and proof are right', proofVerified, true);
  teller.equal('receipts that are right', receiptsVerified, 2 * fans.length);
  teller.say('verifier', 'finds both books, the proof of the draw and every receipt right');
  stage.counts.set('receipts verified', receiptsVerified);
  const { text, found, foundBent } = await checkLog(site, directory);
  for (const { name } of [operator, stage.colleague])
    teller.check(`acts of ${name} should be in the log`, text.includes(`"operator":"${name}"`), text);
  teller.equal('what the verifier finds in the operator log', found, undefined);
  teller.check('a bent act should be found', foundBent?.includes('the hash of act 1 ') === true, foundBent);
  teller.say('verifier', 'finds the operator log right, and the act whose operator was changed by SQL');
}
