/** From where a login comes, for the limits on logins. */
import type { FastifyRequest } from 'fastify';
import { lastHop } from '../../contract/clients/client-address.ts';
import { networkOf } from '../../contract/clients/network.ts';
import type { Client } from '../../operators/accounts/attempting.ts';
import type { ApiDeps } from '../deps.ts';

/**
 * Reads it of requests. Warns once if one has X-Forwarded-For and its connection is of no proxy that is named: if it is a proxy all the
 * same, everybody behind it shares limits.
 */
export function clientReader({
  proxies,
  log,
}: Pick<ApiDeps, 'proxies' | 'log'>): (request: FastifyRequest) => Client {
  let hasWarned = false;
  return ({ headers, ip }) => {
    // Node joins several lines of it into one list (RFC 9110, section 5.3).
    const forwardedFor = String(headers['x-forwarded-for'] ?? '');
    if (forwardedFor !== '' && !proxies.has(ip) && !hasWarned) {
      hasWarned = true;
      log.warn(
        { address: ip },
        'a login came with X-Forwarded-For from an address that ENGINE_TRUSTED_PROXIES does not name: if it is a proxy, all behind it share limits',
      );
    }
    return {
      network: networkOf(lastHop(proxies, ip, forwardedFor)),
      cookies: headers.cookie ?? '',
      userAgent: headers['user-agent'] ?? '',
    };
  };
}
