/**
 * A closed loop of HTTP/1.1 requests over keep-alive connections, in a process of its own. It reads its job (job.ts) as a
 * line from standard input, reports when it is connected, begins at the next line, and prints the result. An answer with
 * another status than the job expects ends the process with an error that names the answer.
 */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Answer, INCOMPLETE, readAnswer } from '../load/answer.ts';
import { type CouponJob, type CouponRun, NUMBER_DIGITS } from './job.ts';

const READ_BYTES = 65_536;
const readMemory = Buffer.allocUnsafeSlow(READ_BYTES);

/** The request's bytes, and the offsets of the request's number in them. */
function requestOf({ base, method, path, headers, body }: CouponJob): { bytes: Buffer; offsets: number[] } {
  const number = '#'.repeat(NUMBER_DIGITS);
  const filled = body.replaceAll('{n}', number);
  const lines = [
    `${method} ${path} HTTP/1.1`,
    `host: ${new URL(base).host}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value.replaceAll('{n}', number)}`),
    ...(body === ''
      ? []
      : ['content-type: application/json', `content-length: ${Buffer.byteLength(filled)}`]),
  ];
  const text = `${lines.join('\r\n')}\r\n\r\n${filled}`;
  const bytes = Buffer.from(text);
  const offsets: number[] = [];
  for (let at = bytes.indexOf(number); at >= 0; at = bytes.indexOf(number, at + 1)) offsets.push(at);
  return { bytes, offsets };
}

class Run {
  readonly #job: CouponJob;
  readonly #request: Buffer;
  readonly #offsets: readonly number[];
  readonly #answer = new Answer();
  readonly #latenciesMs: number[] = [];
  #next: number;
  #endMs = Number.POSITIVE_INFINITY;
  #open = 0;
  #over: () => void = () => undefined;

  constructor(job: CouponJob) {
    this.#job = job;
    this.#next = job.from;
    const { bytes, offsets } = requestOf(job);
    this.#request = bytes;
    this.#offsets = offsets;
  }

  async connect(): Promise<Client[]> {
    const { hostname, port } = new URL(this.#job.base);
    return await Promise.all(
      Array.from({ length: this.#job.connections }, () => this.#client(hostname, Number(port))),
    );
  }

  async go(clients: readonly Client[]): Promise<CouponRun> {
    const cpu = process.cpuUsage();
    const beganMs = performance.now();
    this.#endMs = beganMs + 1e3 * this.#job.seconds;
    this.#open = clients.length;
    await new Promise<void>(resolve => {
      this.#over = resolve;
      for (const client of clients) this.#ask(client);
    });
    const seconds = (performance.now() - beganMs) / 1e3;
    const { user, system } = process.cpuUsage(cpu);
    const sorted = this.#latenciesMs.sort((a, b) => a - b);
    const at = (share: number): number => sorted[Math.floor(share * (sorted.length - 1))] ?? 0;
    return { answered: sorted.length, seconds, cpuUs: user + system, p50Ms: at(0.5), p99Ms: at(0.99) };
  }

  #client(host: string, port: number): Promise<Client> {
    return new Promise((resolve, reject) => {
      const client: Client = { socket: undefined, sentMs: 0, carry: undefined };
      const socket = connect({
        host,
        port,
        noDelay: true,
        onread: {
          buffer: readMemory,
          callback: (count, bytes) => {
            this.#received(client, Buffer.from(bytes.buffer, bytes.byteOffset, count));
            return true;
          },
        },
      });
      client.socket = socket;
      socket.once('connect', () => resolve(client));
      socket.once('error', reject);
      socket.once('close', () => {
        if (this.#open > 0) throw new Error('the server closed a connection');
      });
    });
  }

  #ask(client: Client): void {
    client.sentMs = performance.now();
    if (client.sentMs >= this.#endMs) {
      this.#open -= 1;
      if (this.#open === 0) this.#over();
      return;
    }
    // The unsent rest of an earlier request must not change.
    const bytes = this.#offsets.length === 0 ? this.#request : Buffer.from(this.#request);
    const number = String(this.#next++).padStart(NUMBER_DIGITS, '0');
    for (const offset of this.#offsets) bytes.write(number, offset, 'latin1');
    client.socket?.write(bytes);
  }

  #received(client: Client, chunk: Buffer): void {
    const bytes = client.carry === undefined ? chunk : Buffer.concat([client.carry, chunk]);
    const next = readAnswer(bytes, 0, bytes.length, this.#answer);
    if (next === INCOMPLETE) {
      client.carry = Buffer.from(bytes);
      return;
    }
    client.carry = undefined;
    const { status, bodyStart, bodyEnd } = this.#answer;
    if (status !== this.#job.status) {
      throw new Error(`an answer was ${status}: ${bytes.toString('utf8', bodyStart, bodyEnd)}`);
    }
    this.#latenciesMs.push(performance.now() - client.sentMs);
    this.#ask(client);
  }
}

interface Client {
  socket: Socket | undefined;
  sentMs: number;
  /** The beginning of an answer that came in pieces. */
  carry: Buffer | undefined;
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const { value: line } = await lines.next();
const run = new Run(JSON.parse(line) as CouponJob);
const clients = await run.connect();
process.stdout.write('{"ready":true}\n');
await lines.next();
process.stdout.write(`${JSON.stringify(await run.go(clients))}\n`);
process.exit(0);
