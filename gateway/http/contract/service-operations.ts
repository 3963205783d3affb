/** The state of a gateway, its metrics, and the OpenAPI document itself. */
import { describeService, OPENAPI_VERSION, SERVERS } from '../../../engine/contract/api/openapi.ts';
import type { Operation } from '../operation.ts';
import { Health, metricsExample, notReadyExample } from './service.ts';

export const INFO = describeService(
  'fairline gateway',
  'Queues for coupon drops, raffles and waiting rooms. Pages of the origins in CORS_ORIGINS may call it with credentials.',
);

export const serviceOperations: readonly Operation[] = [
  {
    id: 'livez',
    method: 'get',
    path: '/livez',
    summary: 'Liveness: the process answers',
    ticket: false,
    answers: { 200: Health },
    examples: { 200: { status: 'ok' } },
    problems: [],
  },
  {
    id: 'readyz',
    method: 'get',
    path: '/readyz',
    summary: 'Readiness: this gateway accepts entries',
    ticket: false,
    answers: { 200: Health, 503: Health },
    examples: { 503: notReadyExample },
    problems: [],
  },
  {
    id: 'metrics',
    method: 'get',
    path: '/metrics',
    summary: 'Metrics for Prometheus',
    ticket: false,
    answers: { 200: 'text/plain' },
    examples: { 200: metricsExample },
    problems: [],
  },
  {
    id: 'openapi',
    method: 'get',
    path: '/openapi.json',
    summary: 'This document',
    ticket: false,
    answers: { 200: 'application/json' },
    examples: { 200: { openapi: OPENAPI_VERSION, info: INFO, servers: SERVERS } },
    problems: [],
  },
];
