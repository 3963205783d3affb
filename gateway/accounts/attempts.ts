/**
 * Limits logins and requested e-mails, in the memory of this process; several processes each count for themselves.
 *
 * Failed logins are counted by account and network, by network, and by account over all networks, so that neither one network can try
 * many accounts nor many networks one account. A browser that has logged in to the account before counts apart from strangers, by its
 * device cookie (engine/contract/limits/device-cookies.ts), until the account's credential version changes. For a new browser of somebody
 * whose account is under attack there is the e-mail that resets the password: it also brings the device cookie.
 *
 * Whether an account exists makes no difference: addresses are counted as they are asked for.
 */
import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';
import { Buckets } from '../../engine/contract/limits/buckets.ts';
import { DeviceCookies, type KnownDevice } from '../../engine/contract/limits/device-cookies.ts';
import {
  type Delayed,
  ofNetwork,
  type Permitted,
  type Taken,
  takeAll,
} from '../../engine/contract/limits/taking.ts';

export const DEVICE_COOKIE = '__Host-fairline_device';

/** Some 100 bytes each; beyond it the least recently used ones start over. */
const KEPT = 200_000;
const MINUTE_S = 60;
/** Characters of base64url, of 6 bits each. */
const SHORT = 22;

/** A burst of ten and then one in two minutes: nobody mistypes more often, and a guesser needs a year for 260,000. */
const OWN = { burst: 10, perSecond: 1 / (2 * MINUTE_S), most: KEPT };
/** Of all strangers together: a guesser with many networks gets 2,900 a day. */
const ACCOUNT = { burst: 100, perSecond: 1 / 30, most: KEPT };
/** Of all known browsers of an account together: somebody who has its password can make any number of them, until it is reset. */
const ACCOUNT_DEVICES = { burst: 50, perSecond: 1 / MINUTE_S, most: KEPT };
/** A network may be a town behind one carrier, all of whom mistype in the minute before a drop. */
const NETWORK = { burst: 300, perSecond: 1, most: KEPT };
/** All logins of a network, right or wrong: each takes a core for a while. What exceeds the limit delays nobody else. */
const NETWORK_LOGINS = { burst: 300, perSecond: 10, most: KEPT };
/**
 * The same for a whole IPv6 site (/48), which one customer may have, and for all clients whose network is unknown: they may be many, so the
 * limit is higher.
 */
const WIDE_LOGINS = { burst: 1_200, perSecond: 40, most: KEPT };
/**
 * All logins of known browsers of an account, right or wrong, instead of those of their network: other people in that network cannot
 * use them up, and an account of one's own brings no further logins for the network.
 */
const DEVICE_LOGINS = { burst: 30, perSecond: 1 / 10, most: KEPT };
/** Sign-ups and other requests for e-mails by a network, over all addresses: nobody can make us write to a whole town. */
const NETWORK_MAILS = { burst: 300, perSecond: 1 / 2, most: KEPT };
const WIDE_MAILS = { burst: 1_200, perSecond: 2, most: KEPT };
/** Uses of one link, each of which asks the database. */
const LINK_USES = { burst: 30, perSecond: 1 / MINUTE_S, most: KEPT };
const MAIL_PAIR = { burst: 5, perSecond: 1 / (5 * MINUTE_S), most: KEPT };
/** Of one kind to one address, no matter who asks. Beyond it the earlier e-mails have to suffice. */
const MAIL_ADDRESS = { burst: 10, perSecond: 1 / (10 * MINUTE_S), most: KEPT };

/** Of an account, to whatever address: each also sends a notice to the present one, which is never left out. */
const CHANGES = { burst: 10, perSecond: 1 / (10 * MINUTE_S), most: KEPT };

/** Logins of one fan with tokens of the shop: a page that asks for one with each view would fill the database with sessions. */
const EXCHANGES = { burst: 10, perSecond: 1 / MINUTE_S, most: KEPT };

/** Who attempts. */
export interface Attempt {
  /** Normalised. */
  readonly address: string;
  /** '' if unknown: then everybody unknown is one network, for the account's sake. */
  readonly network: string;
  /** That of knownDevice, which may be void: an attempt of a void one counts as a stranger's as well. */
  readonly device?: KnownDevice | undefined;
}

/** Who wishes an e-mail. Resets have a share of their own: what others of the network wish for keeps none away. */
export interface MailWish extends Attempt {
  readonly isReset?: boolean;
}

export class Attempts {
  readonly #key: KeyObject;
  readonly #cookies: DeviceCookies;
  readonly #own = new Buckets(OWN);
  readonly #devices = new Buckets(OWN);
  readonly #accountDevices = new Buckets(ACCOUNT_DEVICES);
  readonly #accounts = new Buckets(ACCOUNT);
  readonly #networks = new Buckets(NETWORK);
  readonly #networkLogins = new Buckets(NETWORK_LOGINS);
  readonly #wideLogins = new Buckets(WIDE_LOGINS);
  readonly #deviceLogins = new Buckets(DEVICE_LOGINS);
  readonly #networkMails = new Buckets(NETWORK_MAILS);
  readonly #wideMails = new Buckets(WIDE_MAILS);
  readonly #linkUses = new Buckets(LINK_USES);
  readonly #mailPairs = new Buckets(MAIL_PAIR);
  readonly #mailAddresses = new Buckets(MAIL_ADDRESS);
  readonly #changes = new Buckets(CHANGES);
  readonly #exchanges = new Buckets(EXCHANGES);
  readonly #nowMs: () => number;

  constructor(secret: string, nowMs: () => number = () => performance.now()) {
    this.#key = createSecretKey(secret, 'utf8');
    this.#cookies = new DeviceCookies({ name: DEVICE_COOKIE, sameSite: 'Lax', key: this.#key });
    this.#nowMs = nowMs;
  }

  /** Counts an attempt to log in, before it is made, so that many at once are counted too. */
  login({ address, network, device }: Attempt): Permitted | Delayed {
    if (device !== undefined) {
      // By the version too: a browser that is void since a reset uses nothing of those of now.
      const granted = `${address} ${device.credentialVersion}`;
      return this.#take([
        { buckets: this.#deviceLogins, key: granted, isForCost: true },
        { buckets: this.#devices, key: device.id },
        { buckets: this.#accountDevices, key: granted },
      ]);
    }
    return this.#take([
      // The network first: what it may not do anyway adds no bucket to the others, and so pushes none out.
      ...ofNetwork(network, this.#networkLogins, this.#wideLogins),
      ...(network === '' ? [] : [{ buckets: this.#networks, key: network }]),
      { buckets: this.#own, key: `${address} ${network}` },
      { buckets: this.#accounts, key: address },
    ]);
  }

  /** Counts a wish for an e-mail to the address. */
  mail({ address, network, device, isReset = false }: MailWish): Permitted | Delayed {
    if (device !== undefined)
      return this.#take([{ buckets: this.#mailPairs, key: `${address} ${device.id}` }]);
    return this.#take([
      ...ofNetwork(network, this.#networkMails, this.#wideMails, isReset ? 'reset ' : ''),
      { buckets: this.#mailPairs, key: `${address} ${network}` },
    ]);
  }

  /** Counts a use of a link that is signed, so made-up ones take no bucket. */
  link(token: string): Permitted | Delayed {
    return this.#take([{ buckets: this.#linkUses, key: token }]);
  }

  /** Counts a wish of an account for another address. */
  change(fanId: string): Permitted | Delayed {
    return this.#take([{ buckets: this.#changes, key: fanId }]);
  }

  /** Counts a login that hashes nothing: it costs a signature, or a request to the shop's provider. */
  loginFrom(network: string): Permitted | Delayed {
    return this.#take(ofNetwork(network, this.#networkLogins, this.#wideLogins));
  }

  /** Counts a login with a token of the shop that is good. */
  exchange(fanId: string): Permitted | Delayed {
    return this.#take([{ buckets: this.#exchanges, key: fanId }]);
  }

  /** Whether another e-mail of this kind may go to the address now; counts it. Those of one kind leave the others their places. */
  maySendTo(address: string, kind: string): boolean {
    return this.#mailAddresses.take(this.#short(`${kind} ${address}`), this.#nowMs()) === 0;
  }

  /** The Set-Cookie header for a browser that has logged in to the account. */
  deviceCookie(address: string, credentialVersion: string): string {
    return this.#cookies.make(address, credentialVersion);
  }

  /** The browser of a Cookie header, if its device cookie is for this address. */
  knownDevice(address: string, cookies: string): KnownDevice | undefined {
    return this.#cookies.known(address, cookies);
  }

  /** 16 bytes of an HMAC: a key takes the same space whatever the address, and nobody can make two meet. */
  #short(key: string): string {
    return createHmac('sha256', this.#key).update(`bucket ${key}`).digest('base64url').slice(0, SHORT);
  }

  /** How many pairs of an account and a network are kept. */
  get kept(): number {
    return this.#own.size;
  }

  #take(wanted: readonly Taken[]): Permitted | Delayed {
    const taken = wanted.map(each => ({ ...each, key: this.#short(each.key) }));
    return takeAll(taken, this.#nowMs());
  }
}
