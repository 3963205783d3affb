/** What every server of this room answers, whatever its routes: too many connections, too large a head, a wrong method, an unknown path. */
import type { HttpRequest, HttpResponse, TemplatedApp } from 'uWebSockets.js';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import type { GatewayConfig } from '../config.ts';
import { answerPreflight, type CorsParts } from './cors.ts';
import { Reply } from './reply.ts';
import type { RefusalParts } from './requests.ts';

export interface ConnectionParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'MAX_CONNECTIONS'>;
  readonly connections: { count: number };
}

/** Counts the connections, and closes those beyond the cap. */
export function limitConnections(app: TemplatedApp, { connections, config, metrics }: ConnectionParts): void {
  const opensOrCloses = (res: HttpResponse, change: number): void => {
    connections.count += change;
    if (change > 0 && connections.count > config.MAX_CONNECTIONS) {
      metrics.refuse('connections');
      res.close();
    }
  };
  app.filter((res, change) => opensOrCloses(res, Number(change)));
}

export interface HeadLimitParts extends RefusalParts {
  readonly config: Pick<GatewayConfig, 'MAX_HEADER_BYTES'>;
}

export function refuseHead(parts: HeadLimitParts, reply: Reply, bytes: number): void {
  const most = parts.config.MAX_HEADER_BYTES;
  parts.metrics.refuse('headers');
  const fault = fieldFault('headers', `${bytes} bytes`, `at most ${most} bytes`);
  reply.problem('headers-too-large', `The headers are larger than ${most} bytes.`, {
    members: { errors: [fault] },
    close: true,
  });
}

/** Answers a method that a path does not have. `allow`: those that it has, as in the header of that name. */
export function refuseMethod(parts: CorsParts, res: HttpResponse, req: HttpRequest, allow: string): void {
  const method = req.getCaseSensitiveMethod();
  if (method === 'OPTIONS' && answerPreflight(parts, res, req, allow)) return;
  parts.metrics.refuse('method');
  const fault = fieldFault('method', method, allow);
  replyTo(parts, res, req).problem('method-not-allowed', `${method} is not allowed here; use ${allow}.`, {
    members: { errors: [fault] },
    headers: { allow },
  });
}

export function refusePath(parts: Pick<CorsParts, 'cors'>, res: HttpResponse, req: HttpRequest): void {
  const fault = fieldFault('path', req.getUrl(), 'a path listed in /openapi.json');
  replyTo(parts, res, req).problem('not-found', `No route at ${fault.value}.`, {
    members: { errors: [fault] },
  });
}

function replyTo({ cors }: Pick<CorsParts, 'cors'>, res: HttpResponse, req: HttpRequest): Reply {
  const reply = new Reply(res);
  reply.cors = cors.linesFor(req.getHeader('origin'));
  return reply;
}
