/**
 * Blocked networks, by the leading bits of their addresses. Looking an address up costs one step for each length that is blocked, however
 * many networks there are. Of a new list only what differs is read and applied: 2 ms with 10,000 IPv6 networks, nearly all of it for parsing
 * and comparing the list; reading all of them again, as BigInts, took 48 ms of the event loop. The first such list takes 60 ms.
 */
import {
  type Address,
  leading,
  type Network,
  readAddress,
  readNetwork,
} from '../../engine/contract/api/ip-address.ts';

/** The networks of one length: the low halves of their addresses by the high ones. */
interface Length {
  readonly bits: number;
  readonly lows: Map<number, Set<number>>;
}

export class BlockedNetworks {
  /** As the ledger writes them, each in one way only. */
  #texts: ReadonlySet<string> = new Set();
  readonly #lengths: Readonly<Record<4 | 6, Length[]>> = { 4: [], 6: [] };

  get some(): boolean {
    return this.#texts.size > 0;
  }

  /** Replaces all of them by these, in CIDR notation. */
  replace(networks: readonly string[]): void {
    const texts = new Set(networks);
    for (const text of this.#texts) if (!texts.has(text)) this.#remove(readNetwork(text));
    for (const text of texts) if (!this.#texts.has(text)) this.#add(readNetwork(text));
    this.#texts = texts;
  }

  /** Whether an address lies in one of them; false if it is no address. */
  has(text: string): boolean {
    const address = readAddress(text);
    if (address === undefined) return false;
    for (const length of this.#lengths[address.family]) if (isIn(length, address)) return true;
    return false;
  }

  /** Undefined: the ledger accepts no such network; a newer engine might. */
  #add(network: Network | undefined): void {
    if (network === undefined) return;
    const { family, bits, high, low } = network;
    const length = this.#lengths[family].find(each => each.bits === bits) ?? { bits, lows: new Map() };
    if (length.lows.size === 0) this.#lengths[family].push(length);
    const lows = length.lows.get(high);
    if (lows === undefined) length.lows.set(high, new Set([low]));
    else lows.add(low);
  }

  #remove(network: Network | undefined): void {
    if (network === undefined) return;
    const { family, bits, high, low } = network;
    const at = this.#lengths[family].findIndex(each => each.bits === bits);
    const length = this.#lengths[family][at];
    const lows = length?.lows.get(high);
    if (length === undefined || lows === undefined) return;
    lows.delete(low);
    if (lows.size === 0) length.lows.delete(high);
    if (length.lows.size === 0) this.#lengths[family].splice(at, 1);
  }
}

function isIn({ bits, lows }: Length, address: Address): boolean {
  const { high, low } = leading(address, bits);
  return lows.get(high)?.has(low) === true;
}
