import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readRoles, roleOfGroups } from './groups.ts';

test('a map of groups to roles is read as it is written', () => {
  assert.deepEqual(readRoles(''), []);
  assert.deepEqual(readRoles('raffle-admins=owner, shop = editor'), [
    { group: 'raffle-admins', role: 'owner' },
    { group: 'shop', role: 'editor' },
  ]);
  assert.deepEqual(readRoles('CN%3Draffle%2COU%3Dit=viewer,50%25 club=drawer'), [
    { group: 'CN=raffle,OU=it', role: 'viewer' },
    { group: '50% club', role: 'drawer' },
  ]);
  for (const wrong of [
    ...['shop', 'shop=', '=owner', ' =owner', 'shop=Owner', 'shop=admin', 'shop=owner,', ',', 'a=b=owner'],
    ...['shop=owner,shop=editor', 'shop=owner,sho%70=editor', '50%=owner', 'CN=raffle,OU=it'],
    Array.from({ length: 101 }, (_, number) => `g${number}=viewer`).join(),
  ])
    assert.equal(readRoles(wrong), undefined, wrong);
});

test('the highest role of all groups counts', () => {
  const roles = readRoles('a=viewer,b=editor,c=drawer,d=owner,e=viewer') ?? [];
  for (const [groups, role] of [
    [['a'], 'viewer'],
    [['b', 'a', 'x'], 'editor'],
    [['b', 'c'], 'drawer'],
    [['c', 'd', 'a'], 'owner'],
    ['b', 'editor'],
    [['A', 'x'], undefined],
    [[], undefined],
    [undefined, undefined],
    [[['d']], undefined],
    [{ d: true }, undefined],
    [7, undefined],
  ] as const)
    assert.equal(roleOfGroups(roles, groups), role, JSON.stringify(groups));
});
