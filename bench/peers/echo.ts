/**
 * The ceiling that every other server in the bench is divided by: uWebSockets.js reads a POST body and answers 202 with a
 * fixed JSON text as long as fairline's. It checks no ticket, and stamps, logs and ranks nothing.
 *
 * Run alone: `node --import tsx bench/peers/echo.ts`; `PORT` chooses the port, a free one is taken otherwise.
 */
import uWS from 'uWebSockets.js';
import { announce } from './lifecycle.ts';

const HOST = '127.0.0.1';
const ANSWER =
  '{"campaign":7,"stamp":1234567890123,"position":null,"provisional":true,"estimated_position":12345}';

const { PORT = '0' } = process.env;
const app = uWS.App();

app.post('/*', response => {
  let gone = false;
  response.onAborted(() => {
    gone = true;
  });
  response.onData((_chunk, isLast) => {
    if (!isLast || gone) return;
    response.cork(() => {
      response.writeStatus('202 Accepted').writeHeader('content-type', 'application/json').end(ANSWER);
    });
  });
});

app.listen(HOST, Number(PORT), socket => {
  if (socket === false) {
    console.error(`cannot listen on ${HOST}:${PORT}: choose another PORT`);
    process.exit(1);
  }
  announce(uWS.us_socket_local_port(socket), () => {
    app.close();
  });
});
