import { equal, notEqual } from 'node:assert/strict';
import { test } from 'node:test';
import { nodesText } from './redis-nodes.ts';

/** What a node reports of itself; its lines about other nodes are ignored. */
function nodeLine(id: string, flags: string, election: number, slots: string, run = `${id}${id}`): string {
  const others = 'ff 127.0.0.1:7@17 master - 0 0 99 connected 0-16383';
  return `${run}\n${others}\n${id} 127.0.0.1:6@16 myself,${flags} - 0 0 ${election} connected ${slots}\n`;
}

const a = nodeLine('a', 'master', 1, '0-8191');
const b = nodeLine('b', 'master', 2, '8192-16383');
const replica = nodeLine('c', 'slave', 1, '');

test('the same nodes give the same text in any order', () => {
  equal(nodesText([a, b, replica]), '0=a:1:aa 8192=b:2:bb');
  equal(nodesText([replica, b, a]), nodesText([a, b]));
});

test('gives no text while a slot has no responding node', () => {
  equal(nodesText([a, replica]), undefined);
  equal(nodesText([a, nodeLine('b', 'master', 2, '8193-16383')]), undefined);
});

test('detects failovers, failbacks, restarts and moved slots', () => {
  const before = nodesText([a, b]);
  const over = nodesText([b, nodeLine('a', 'slave', 3, ''), nodeLine('c', 'master', 3, '0-8191')]);
  const back = nodesText([b, nodeLine('c', 'slave', 4, ''), nodeLine('a', 'master', 4, '0-8191')]);
  notEqual(over, before);
  notEqual(back, before);
  notEqual(back, over);
  notEqual(nodesText([a, nodeLine('b', 'master', 2, '8192-16383', 'another')]), before);
  notEqual(
    nodesText([nodeLine('a', 'master', 1, '0-8190'), nodeLine('b', 'master', 2, '8191-16383')]),
    before,
  );
});

test('of two nodes that claim a slot, the later elected owns it', () => {
  const stale = [a, b, nodeLine('c', 'master', 3, '0-8191')];
  equal(nodesText(stale), '0=c:3:cc 8192=b:2:bb');
  equal(nodesText(stale.reverse()), '0=c:3:cc 8192=b:2:bb');
});

test('a migrating slot stays with its old node', () => {
  equal(nodesText([nodeLine('a', 'master', 1, '0-8190 8191 [93-<-bb]'), b]), nodesText([a, b]));
});
