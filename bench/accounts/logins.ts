/**
 * A storm of logins: that many a second are sent whether or not earlier ones are answered, each by the next fan, in the next of
 * 512 networks. So no limit on attempts applies, and what is refused is refused because too many wait. The bench's own process sends
 * them: it does nothing else meanwhile.
 */
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { type AccountsSite, PASSWORD } from './site.ts';

export interface LoginRates {
  /** Logins a second that were answered with a session. */
  readonly answered: number;
  /** Logins a second that were told to come back later. */
  readonly refused: number;
}

const TURN_MS = 10;
const LOGGED_IN = 200;
const TOLD_TO_COME_BACK = 429;

export class LoginStorm {
  readonly #site: AccountsSite;
  readonly #perSecond: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  readonly #byStatus = new Map<number, number>();
  readonly #waiting = new Set<Promise<void>>();
  /** The first answer that is neither: what it says, and how long it took. */
  #unexpected = '';
  #turns: NodeJS.Timeout | undefined;
  #beganMs = 0;
  #sent = 0;

  constructor(site: AccountsSite, perSecond: number) {
    this.#site = site;
    this.#perSecond = perSecond;
  }

  begin(): void {
    this.#beganMs = performance.now();
    this.#turns = setInterval(() => this.#catchUp(), TURN_MS);
  }

  /** What logins were answered while `work` ran. */
  async during<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly rates: LoginRates }> {
    const [answeredBefore, refusedBefore] = [this.#count(LOGGED_IN), this.#count(TOLD_TO_COME_BACK)];
    const beganMs = performance.now();
    const result = await work();
    const seconds = (performance.now() - beganMs) / 1e3;
    const answered = (this.#count(LOGGED_IN) - answeredBefore) / seconds;
    const refused = (this.#count(TOLD_TO_COME_BACK) - refusedBefore) / seconds;
    return { result, rates: { answered, refused } };
  }

  /** Resolves when all that were sent are answered. Rejects if one was neither a login nor told to come back. */
  async end(): Promise<void> {
    clearInterval(this.#turns);
    await Promise.all(this.#waiting);
    this.#agent.destroy();
    if (this.#count(LOGGED_IN) + this.#count(TOLD_TO_COME_BACK) === this.#sent) return;
    throw new Error(
      `of ${this.#sent} logins: ${JSON.stringify([...this.#byStatus])}, by status; ${this.#unexpected}`,
    );
  }

  #count(status: number): number {
    return this.#byStatus.get(status) ?? 0;
  }

  #catchUp(): void {
    const due = Math.floor(((performance.now() - this.#beganMs) / 1e3) * this.#perSecond);
    while (this.#sent < due) {
      const login = this.#send(this.#sent++).finally(() => this.#waiting.delete(login));
      this.#waiting.add(login);
    }
  }

  #send(number: number): Promise<void> {
    const { fans, gateway } = this.#site;
    const address = fans[number % fans.length]?.address;
    const body = JSON.stringify({ address, password: PASSWORD });
    const beganMs = performance.now();
    return new Promise((resolve, reject) => {
      const sent = request(
        `${gateway.base}/v1/accounts/login`,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'x-forwarded-for': clientOf(number),
          },
        },
        answer => {
          const status = answer.statusCode ?? 0;
          this.#byStatus.set(status, this.#count(status) + 1);
          answer.once('error', reject);
          if (status === LOGGED_IN || status === TOLD_TO_COME_BACK) answer.resume().once('end', resolve);
          else this.#explain(answer, beganMs).then(resolve, reject);
        },
      );
      sent.once('error', reject).end(body);
    });
  }

  async #explain(answer: IncomingMessage, beganMs: number): Promise<void> {
    const said = await text(answer);
    const ms = Math.round(performance.now() - beganMs);
    if (this.#unexpected === '') this.#unexpected = `after ${ms} ms ${answer.statusCode}: ${said}`;
  }
}

/** An address of the networks for benchmarks (RFC 2544, 198.18.0.0/15). Gateways take a private one for that of nobody. */
function clientOf(number: number): string {
  return `198.${18 + ((number >> 8) & 1)}.${number & 255}.1`;
}
