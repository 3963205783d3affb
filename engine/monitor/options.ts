/** What `npm run monitor` is told on its command line. */
import { parseArgs } from 'node:util';
import { BEFORE_ALL, behind, type Place } from '../verify/places.ts';
import { exitCodes } from './finding.ts';

export const USAGE = `npm run monitor -- URL... --out DIR [options]

  URL                 of a gateway; of several each is asked in turn, and what one shows is held against the others
  --out DIR           where heads are kept, counter-signed, with the monitor's key; made when it is not there
  --keys FILE         public keys that you had elsewhere (GET /v1/keys): no others count
  --from INSTANT      follow from there on, like 2030-01-31T18:00:00Z; default: from the first head that there is
  --interval-ms N     how long to wait when nothing more is shown (100 to 3600000; default 1000)
  --once              follow to the end, look at all that was kept again, and stop

It writes one line of JSON for each finding, and says it in words on standard error. It goes on until it is stopped.
exit codes: ${exitCodes.nothing} nothing was ever found in DIR, ${exitCodes.usage} wrong usage, ${exitCodes.signature} a signature or a key, ${exitCodes.order} a fork, a rewind, or a slice that is late;
${exitCodes.internal} it cannot go on (DIR is not what it wrote, the disk is full, or with --once nobody answers); of several the least
`;

export class WrongUsage extends Error {}

export interface Options {
  readonly urls: readonly string[];
  readonly directory: string;
  readonly keys: string | undefined;
  readonly from: Place;
  readonly intervalMs: number;
  readonly isOnce: boolean;
}

const MOST_URLS = 64;
const LEAST_INTERVAL_MS = 100;
const MOST_INTERVAL_MS = 3_600_000;

const options = {
  out: { type: 'string' },
  keys: { type: 'string' },
  from: { type: 'string' },
  'interval-ms': { type: 'string', default: '1000' },
  once: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Undefined when help is wanted. Throws WrongUsage. */
export function readOptions(args: readonly string[]): Options | undefined {
  const { values, positionals } = parsed(args);
  if (values.help) return undefined;
  if (positionals.length === 0 || positionals.length > MOST_URLS)
    throw new WrongUsage(`${positionals.length} gateways are given; expected 1 to ${MOST_URLS}`);
  if (values.out === undefined) throw new WrongUsage('--out is missing; expected a directory');
  const interval = values['interval-ms'];
  const intervalMs = /^\d{1,7}$/.test(interval) ? Number(interval) : -1;
  if (intervalMs < LEAST_INTERVAL_MS || intervalMs > MOST_INTERVAL_MS) {
    const right = `a whole number from ${LEAST_INTERVAL_MS} to ${MOST_INTERVAL_MS}`;
    throw new WrongUsage(`--interval-ms is ${shown(interval)}; expected ${right}`);
  }
  return {
    urls: positionals.map(readUrl),
    directory: values.out,
    keys: values.keys,
    from: values.from === undefined ? BEFORE_ALL : readFrom(values.from),
    intervalMs,
    isOnce: values.once,
  };
}

function parsed(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options, allowPositionals: true });
  } catch (error) {
    throw new WrongUsage(error instanceof Error ? error.message : String(error));
  }
}

/** Without what stands behind the host and its path: requests add their own. */
function readUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isRight =
    url !== undefined && ['http:', 'https:'].includes(url.protocol) && url.search === '' && url.hash === '';
  if (!isRight) throw new WrongUsage(`${shown(text)} is not a gateway; expected http://host:port`);
  return url.href.replace(/\/$/, '');
}

function readFrom(text: string): Place {
  const ms = /^\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z$/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(ms) || ms < 1)
    throw new WrongUsage(`--from is ${shown(text)}; expected an instant in UTC like 2030-01-31T18:00:00Z`);
  return behind(ms * 1_000 - 1);
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 60));
}
