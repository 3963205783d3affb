/**
 * A storm of logins: that many a second are sent whether or not earlier ones are answered, each by another fan in another
 * network, so that no limit on attempts applies. The bench's own process sends them: it does nothing else meanwhile.
 */
import { Agent, request } from 'node:http';
import { type AccountsSite, PASSWORD } from './site.ts';

export interface LoginRates {
  /** Logins a second that were answered with a session. */
  readonly answered: number;
  /** Logins a second that were told to come back later. */
  readonly refused: number;
}

const TURN_MS = 10;

export class LoginStorm {
  readonly #site: AccountsSite;
  readonly #perSecond: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 512 });
  readonly #byStatus = new Map<number, number>();
  readonly #waiting = new Set<Promise<void>>();
  #turns: NodeJS.Timeout | undefined;
  #beganMs = 0;
  #tookMs = 0;
  #sent = 0;

  constructor(site: AccountsSite, perSecond: number) {
    this.#site = site;
    this.#perSecond = perSecond;
  }

  begin(): void {
    this.#beganMs = performance.now();
    this.#turns = setInterval(() => this.#catchUp(), TURN_MS);
  }

  end(): void {
    clearInterval(this.#turns);
    this.#tookMs = performance.now() - this.#beganMs;
  }

  /** Resolves when all are answered. Throws when one was neither a login nor told to come back. */
  async rates(): Promise<LoginRates> {
    await Promise.all(this.#waiting);
    this.#agent.destroy();
    const count = (...statuses: readonly number[]): number =>
      statuses.reduce((sum, status) => sum + (this.#byStatus.get(status) ?? 0), 0);
    const [answered, refused] = [count(200), count(429, 503)];
    if (answered + refused !== this.#sent) {
      throw new Error(`of ${this.#sent} logins: ${JSON.stringify([...this.#byStatus])}, by status`);
    }
    const seconds = this.#tookMs / 1e3;
    return { answered: answered / seconds, refused: refused / seconds };
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
    return new Promise((resolve, reject) => {
      const sent = request(
        `${gateway.base}/v1/accounts/login`,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(body),
            'x-forwarded-for': `10.${(number >> 8) & 255}.${number & 255}.1`,
          },
        },
        answer => {
          const status = answer.statusCode ?? 0;
          this.#byStatus.set(status, (this.#byStatus.get(status) ?? 0) + 1);
          answer.resume().once('end', resolve).once('error', reject);
        },
      );
      sent.once('error', reject).end(body);
    });
  }
}
