/** What settings of identity providers have in common: addresses and algorithms of signatures. */

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;
/** Of public keys only: with a shared secret, everybody who can check a token can also make one. */
const ALGORITHMS = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** The algorithms that signatures of tokens may have. */
export const signatureAlgorithms = {
  fallback: 'RS256,PS256,ES256,EdDSA',
  right: `a comma-separated list of ${ALGORITHMS.join(', ')}`,
  secret: false,
  read: readAlgorithms,
} as const;

/** 1 to 255 printable characters without spaces: issuers, audiences, names of clients. */
export const NO_SPACES = /^[\x21-\x7e]{1,255}$/;

/** The origin as browsers write it; undefined for anything but an https origin, or an http one of this machine. */
export function readOrigin(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { origin, href, protocol, hostname } = new URL(text);
  if (href !== `${origin}/` || hostname.includes('*')) return undefined;
  return protocol === 'https:' || (protocol === 'http:' && LOOPBACK.test(hostname)) ? origin : undefined;
}

/** An https address, or an http one of this machine, without a user or password in it. */
export function readSafeUrl(text: string): string | undefined {
  if (!URL.canParse(text)) return undefined;
  const { href, origin, username, password } = new URL(text);
  return username === '' && password === '' && readOrigin(origin) !== undefined ? href : undefined;
}

/** The same of a page, without query and fragment, to which a provider leads browsers back. */
export function readPageUrl(text: string): string | undefined {
  return /[?#]/.test(text) ? undefined : readSafeUrl(text);
}

function readAlgorithms(text: string): readonly string[] | undefined {
  const algorithms = text.split(',').map(each => each.trim());
  return algorithms.every(each => ALGORITHMS.includes(each)) ? algorithms : undefined;
}
