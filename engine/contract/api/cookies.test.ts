import assert from 'node:assert/strict';
import { test } from 'node:test';
import { cookieOf } from './cookies.ts';

test('a cookie is found by the exact bytes of its name, between spaces and tabs', () => {
  assert.equal(cookieOf('__Host-a=x', '__Host-a'), 'x');
  assert.equal(cookieOf('b=c;\t __Host-a \t= x=y= \t; d', '__Host-a'), 'x=y=');
  assert.equal(cookieOf('a=; b', 'a'), '');
  for (const none of ['', 'b=x', '__Host-a', '__host-a=x', 'b=__Host-a=x'])
    assert.equal(cookieOf(none, '__Host-a'), undefined, none);
});

test('a name behind another blank is another name, which any host of the site may set', () => {
  for (const blank of ['\u2000', '\u00a0', '\ufeff', '\u3000', '\u2028', '\v', '\f']) {
    assert.equal(cookieOf(`${blank}__Host-a=x`, '__Host-a'), undefined);
    assert.equal(cookieOf(`__Host-a${blank}=x`, '__Host-a'), undefined);
    assert.equal(cookieOf(`${blank}__Host-a=x; __Host-a=y`, '__Host-a'), 'y');
  }
});

test('of two cookies of one name neither is taken', () => {
  assert.equal(cookieOf('a=x; b=c; a=y', 'a'), undefined);
  assert.equal(cookieOf('a=x; a=x', 'a'), undefined);
});
