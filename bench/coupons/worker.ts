/**
 * The generator of a coupon bench, in a process of its own (load/worker-line.ts). It takes a job (job.ts), reports when it is
 * connected, begins at the next line, and prints the result. An answer with another status than the job expects, and a
 * connection that fails, end the run with an error that names it.
 */
import type { Answer } from '../load/answer.ts';
import { ClosedLoop, type LoopTally } from '../load/closed-loop.ts';
import { LoadError, loopback } from '../load/job.ts';
import type { RequestText } from '../load/request.ts';
import { work } from '../load/worker-line.ts';
import { type CouponJob, type CouponRun, NUMBER_DIGITS } from './job.ts';

/** No answer takes this long; a run that hangs ends with an error. */
const TIMEOUT_MS = 30_000;

/** The request, with its number wherever the job wants it. */
function requestOf({ base, method, path, headers, values = [], body, from }: CouponJob): RequestText {
  const address = loopback(base);
  const number = '#'.repeat(NUMBER_DIGITS);
  const [value = ''] = values;
  const filled = body.replaceAll('{n}', number);
  const filledHeader = (text: string): string => text.replaceAll('{n}', number).replaceAll('{v}', value);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${address.authority}`,
    ...Object.entries(headers).map(([name, text]) => `${name}: ${filledHeader(text)}`),
    ...(body === ''
      ? []
      : ['content-type: application/json', `content-length: ${Buffer.byteLength(filled)}`]),
  ];
  const bytes = Buffer.from(`${lines.join('\r\n')}\r\n\r\n${filled}`);
  const offsets = placesOf(bytes, number);
  const valueOffsets = value === '' ? [] : placesOf(bytes, value);
  return {
    base: address,
    bytes,
    fill: (target, user) => {
      const nextValue = values[user % values.length] ?? '';
      for (const offset of valueOffsets) target.write(nextValue, offset, 'latin1');
      if (offsets.length === 0) return;
      const text = String(from + user).padStart(NUMBER_DIGITS, '0');
      for (const offset of offsets) target.write(text, offset, 'latin1');
    },
  };
}

function placesOf(bytes: Buffer, text: string): readonly number[] {
  const places: number[] = [];
  for (let at = bytes.indexOf(text); at >= 0; at = bytes.indexOf(text, at + 1)) places.push(at);
  return places;
}

/** Every request is answered as expected, or the run has failed. */
class CouponTally implements LoopTally {
  readonly users = Number.POSITIVE_INFINITY;
  readonly latenciesMs: number[] = [];
  readonly #status: number;

  constructor(status: number) {
    this.#status = status;
  }

  started(): void {}

  noteSent(): void {}

  answered(_user: number, answer: Answer, bytes: Buffer, sentUs: number, atUs: number): void {
    if (answer.status !== this.#status) {
      const body = bytes.toString('utf8', answer.bodyStart, answer.bodyEnd);
      throw new LoadError('protocol', `an answer was ${answer.status}: ${body}`);
    }
    this.latenciesMs.push((atUs - sentUs) / 1e3);
  }

  lost(_user: number, how: 'unknown' | 'timeouts'): void {
    throw new LoadError('protocol', `a request was not answered (${how})`);
  }

  failed(code: string): void {
    throw new LoadError('protocol', `a connection failed: ${code}`);
  }

  mayAskAgain(): boolean {
    return false;
  }
}

await work(async ({ job: given, signal, held }): Promise<CouponRun> => {
  const job = given as CouponJob;
  const { connections, seconds } = job;
  const terms = { connections, seconds, limitSeconds: seconds + TIMEOUT_MS / 1e3, timeoutMs: TIMEOUT_MS };
  const tally = new CouponTally(job.status);
  const loop = new ClosedLoop(terms, [requestOf(job)], tally);
  try {
    await loop.connect();
    await held();
    const end = await loop.send(signal);
    const sorted = tally.latenciesMs.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return {
      answered: sorted.length,
      seconds: end.seconds,
      cpuUs: end.cpuUs,
      p50Ms: at(0.5),
      p99Ms: at(0.99),
    };
  } finally {
    loop.stop();
  }
});
