/** Blocked networks against Node's net.BlockList, over lists that replace each other. */
import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { test } from 'node:test';
import fc from 'fast-check';
import { BlockedNetworks } from './blocked-networks.ts';

/** Few addresses, so that networks and addresses meet, and share their leading bits up to any length. */
const ipV4 = fc
  .tuple(fc.constantFrom(24, 203), fc.nat(1), fc.nat(255))
  .map(([a, b, c]) => `${a}.${b}.${c}.7`);
const group = fc.constantFrom('0', '1', '8000', 'db8');
const ipV6 = fc.tuple(group, group, group, group).map(groups => `2001:${groups.join(':')}:1:2:3`);

/** The network of an address, as the ledger writes it. */
function networkOf(address: string, bits: number): string {
  const [separator, base, width] = isIP(address) === 4 ? (['.', 10, 8] as const) : ([':', 16, 16] as const);
  const parts = address.split(separator).map((part, index) => {
    const kept = Math.min(Math.max(bits - index * width, 0), width);
    const unit = 2 ** (width - kept);
    return (Math.floor(Number.parseInt(part, base) / unit) * unit).toString(base);
  });
  return `${parts.join(separator)}/${bits}`;
}

const network = fc.oneof(
  fc.tuple(ipV4, fc.integer({ min: 8, max: 24 })).map(([address, bits]) => networkOf(address, bits)),
  fc.tuple(ipV6, fc.integer({ min: 16, max: 64 })).map(([address, bits]) => networkOf(address, bits)),
);

test('has the addresses of the present list, whatever the lists before were', () => {
  const lists = fc.array(fc.uniqueArray(network, { maxLength: 12 }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(lists, fc.array(fc.oneof(ipV4, ipV6), { minLength: 5 }), (all, addresses) => {
      const networks = new BlockedNetworks();
      for (const list of all) {
        networks.replace(list);
        const model = new BlockList();
        for (const text of list) {
          const [address = '', bits] = text.split('/');
          model.addSubnet(address, Number(bits), isIP(address) === 4 ? 'ipv4' : 'ipv6');
        }
        assert.equal(networks.some, list.length > 0);
        for (const address of addresses)
          assert.equal(
            networks.has(address),
            model.check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6'),
            `${address} in ${list.join()}`,
          );
      }
    }),
  );
});

test('has a mapped address by its IPv4 network, and no text that is no address', () => {
  const networks = new BlockedNetworks();
  networks.replace(['203.0.113.0/24', '::/16']);
  for (const inside of ['::ffff:203.0.113.9', '0000:0000:0000:0000:0000:ffff:cb00:7109'])
    assert.equal(networks.has(inside), true, inside);
  assert.equal(networks.has('::ffff:203.0.114.9'), false);
  for (const wrong of ['', 'unknown', 'fe80::1%eth0']) assert.equal(networks.has(wrong), false, wrong);
});
