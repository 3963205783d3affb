/** Requests as bytes, which no client normalises or refuses to send. */
import { connect } from 'node:net';
import { eventually } from '../../../engine/test/support.ts';

/** Sends the lines of a head, and after an empty one a body; resolves with the whole answer, whose body is JSON, once it is there. */
export async function rawAsk(port: number, first: string, lines: readonly string[] = []): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const text = [first, 'host: x', ...lines].join('\r\n');
  socket.write(lines.includes('') ? text : `${text}\r\n\r\n`);
  let answer = '';
  socket.on('data', chunk => {
    answer += chunk;
  });
  try {
    await eventually(() => answer.split('\r\n\r\n')[1]?.endsWith('}') === true);
    return answer;
  } finally {
    socket.destroy();
  }
}
