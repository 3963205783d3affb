/** Schemas of health checks and dead letters; see schemas.ts. */
import Type from 'typebox';
import { exact, orNull, time } from './schemas.ts';

export const DeadLettersPage = Type.Object(
  {
    records: Type.Array(
      Type.Object(
        {
          id: Type.Integer(),
          log_name: Type.String(),
          partition: Type.Integer(),
          position: Type.String({ description: 'The position in the log' }),
          item: orNull(
            Type.Integer({ description: 'The item of the record, from 0; null: the whole record' }),
          ),
          reason: Type.String(),
          record_base64: Type.String({
            description: 'The raw record, or its head and the item',
          }),
          recorded_at: time('When'),
        },
        exact,
      ),
    ),
    next: orNull(Type.Integer({ description: 'The `after` of the next page; null on the last page' })),
  },
  {
    ...exact,
    examples: [
      {
        records: [
          {
            ...{ id: 1, log_name: 'redis:fairline', partition: 3, position: '1896109205113-0', item: null },
            ...{ reason: '2 bytes are shorter than a head of 48', record_base64: 'e30=' },
            recorded_at: '2030-01-31T17:00:05.120Z',
          },
        ],
        next: null,
      },
    ],
  },
);

export const Alive = Type.Object({ ok: Type.Literal(true) }, { ...exact, examples: [{ ok: true }] });

export const Ready = Type.Object(
  {
    ok: Type.Literal(true),
    checks: Type.Record(Type.String(), Type.String(), {
      description: "Each component: 'ok', or what is wrong",
    }),
  },
  {
    ...exact,
    examples: [
      {
        ok: true,
        checks: { postgres: 'ok', redis: 'ok', clocks: 'ok', leases: 'ok', cycles: 'ok' },
      },
    ],
  },
);

export const metricsExample = `# HELP fairline_api_answers_total Answers of the operator's API
# TYPE fairline_api_answers_total counter
fairline_api_answers_total{method="GET",route="/livez",status="200"} 1893
`;
