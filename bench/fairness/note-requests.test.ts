import assert from 'node:assert/strict';
import { test } from 'node:test';
import { noteRequests } from './note-requests.ts';

test('writes a line per request, however it is split', () => {
  const sent = 'POST /a HTTP/1.1\r\nHost: x\r\n\r\nPOST /b HTTP/1.1\r\n\r\n';
  const wanted =
    'POST /a HTTP/1.1\r\nHost: x\r\nX-Request-Start: t=7\r\n\r\nPOST /b HTTP/1.1\r\nX-Request-Start: t=7\r\n\r\n';
  for (let size = 1; size <= sent.length; size++) {
    const note = noteRequests(() => 7);
    let handed = '';
    for (let at = 0; at < sent.length; at += size) {
      handed += note(Buffer.from(sent.slice(at, at + size))).toString();
    }
    assert.equal(handed, wanted, `in pieces of ${size}`);
  }
});

test('uses the time of the last header', () => {
  let nowUs = 1;
  const note = noteRequests(() => nowUs);
  assert.equal(note(Buffer.from('POST / HTTP/1.1\r\n')).length, 0);
  nowUs = 2;
  assert.match(note(Buffer.from('\r\n')).toString(), /X-Request-Start: t=2\r\n/);
});
