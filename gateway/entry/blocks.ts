/**
 * Who is blocked: users by exact id, and networks by the address of a client as far as it is known (contract/clients). While
 * nobody is blocked, a request costs one comparison here, and its address is read only while a network is.
 */
import { leading, readAddress, readNetwork } from '../../engine/contract/api/ip-address.ts';
import { clientAddress } from '../../engine/contract/clients/client-address.ts';
import type { TrustedProxies } from '../../engine/contract/clients/trusted-proxies.ts';
import type { Blocked } from '../../engine/contract/redis/board/blocks.ts';
import type { Answered, Reply } from '../http/reply.ts';
import type { Metrics } from '../metrics.ts';

export interface BlockParts {
  readonly proxies: Pick<TrustedProxies, 'has'>;
  readonly metrics: Pick<Metrics, 'refuse'>;
}

/** Networks of one family and length, by their leading bits: looking one up does not depend on how many there are. */
interface Networks {
  readonly family: 4 | 6;
  readonly bits: number;
  readonly leading: Set<bigint>;
}

export class Blocks {
  readonly #parts: BlockParts;
  #users: ReadonlySet<string> = new Set();
  #networks: readonly Networks[] = [];

  constructor(parts: BlockParts) {
    this.#parts = parts;
  }

  /** Acts on this list from now on. */
  blocked({ users, networks }: Blocked): void {
    this.#users = new Set(users);
    const byLength = new Map<string, Networks>();
    for (const text of networks) {
      const network = readNetwork(text);
      // The ledger accepts no other; a newer engine might.
      if (network === undefined) continue;
      const { family, bits } = network;
      const key = `${family}/${bits}`;
      const same = byLength.get(key) ?? { family, bits, leading: new Set<bigint>() };
      same.leading.add(leading(network, bits));
      byLength.set(key, same);
    }
    this.#networks = [...byLength.values()];
  }

  /** Whether anybody at all is blocked. */
  get some(): boolean {
    return this.#users.size > 0 || this.#networks.length > 0;
  }

  /** Whether the request comes from a blocked user or network. */
  has(reply: Pick<Reply, 'remoteAddress'>, userId: string, forwardedFor: string): boolean {
    return this.#users.has(userId) || this.#hasNetwork(reply, forwardedFor);
  }

  /** Answers 403 if the user or the network is blocked; call it while the connection is there. */
  refuse(
    reply: Pick<Reply, 'remoteAddress' | 'problem'>,
    userId: string,
    forwardedFor: string,
  ): Answered | undefined {
    const blocked = this.#users.has(userId)
      ? 'account'
      : this.#hasNetwork(reply, forwardedFor)
        ? 'network'
        : undefined;
    if (blocked === undefined) return undefined;
    this.#parts.metrics.refuse('blocked');
    return reply.problem('blocked', `Your ${blocked} is blocked. What you have stays.`, {
      members: { blocked },
    });
  }

  #hasNetwork(reply: Pick<Reply, 'remoteAddress'>, forwardedFor: string): boolean {
    if (this.#networks.length === 0) return false;
    const text = clientAddress(this.#parts.proxies, reply.remoteAddress(), forwardedFor);
    const address = text === undefined ? undefined : readAddress(text);
    if (address === undefined) return false;
    return this.#networks.some(
      ({ family, bits, leading: blocked }) =>
        family === address.family && blocked.has(leading(address, bits)),
    );
  }
}
