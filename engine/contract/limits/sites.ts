/** Whom limits count together beyond one network: one customer may have many. */

/** The /48 of an IPv6 network, which one customer may have whole (RFC 6177); any other network itself. `network`: its first address, '' if unknown. */
export function siteOf(network: string): string {
  return network.includes(':') ? `${network.split(':').slice(0, 3).join(':')}::` : network;
}
