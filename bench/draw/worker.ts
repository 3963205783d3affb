/**
 * The bench's own process, so that its peak of memory is that of the draw, all entrants included. Arguments: entrants,
 * winners, tickets, rounds. Prints one line of JSON.
 */
import { makeEntrants, measureDraw, measureHashes, type Round } from './measure.ts';

const [count = 0, winners = 0, tickets = 0, rounds = 0] = process.argv.slice(2).map(Number);
const entrants = makeEntrants(count, tickets);
// Gets the code compiled before it is measured.
measureHashes(entrants.slice(0, 50_000));
measureDraw(entrants.slice(0, 50_000), winners);
const measured: Round[] = [];
for (let round = 0; round < rounds; round++) {
  const before = round % 2 === 0 ? measureHashes(entrants) : undefined;
  const stages = measureDraw(entrants, winners);
  measured.push({ hashes: before ?? measureHashes(entrants), stages });
}
const peakBytes = process.resourceUsage().maxRSS * 1024;
process.stdout.write(`${JSON.stringify({ rounds: measured, peakBytes })}\n`);
