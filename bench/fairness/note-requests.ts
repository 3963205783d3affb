const HEAD_END = Buffer.from('\r\n\r\n');

/**
 * Adds `X-Request-Start: t=<microseconds>` to each request of a connection, with the time at which its last header arrived.
 * Takes the connection's bytes piece by piece, and returns the bytes to pass on. Requests have no bodies.
 */
export function noteRequests(nowUs: () => number): (bytes: Buffer) => Buffer {
  let rest: Buffer = Buffer.alloc(0);
  return bytes => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const out: Buffer[] = [];
    for (let end = rest.indexOf(HEAD_END); end >= 0; end = rest.indexOf(HEAD_END)) {
      out.push(rest.subarray(0, end), Buffer.from(`\r\nX-Request-Start: t=${nowUs()}\r\n\r\n`));
      rest = rest.subarray(end + HEAD_END.length);
    }
    return Buffer.concat(out);
  };
}
