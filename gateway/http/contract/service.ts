/** The state of a gateway. */
import Type from 'typebox';

export const Health = Type.Object(
  {
    status: Type.String(),
    checks: Type.Optional(Type.Record(Type.String(), Type.String())),
    warnings: Type.Optional(
      Type.Record(Type.String(), Type.String(), {
        description: 'Warnings by component; the gateway still accepts entries',
      }),
    ),
    clock_error_bound_ms: Type.Optional(
      Type.Union([Type.Number({ minimum: 0 }), Type.Null()], {
        description: 'The error bound of the shared clock on this gateway; null before the first sample',
      }),
    ),
  },
  {
    examples: [
      { status: 'ok', checks: { lease: 'ok', redis: 'ok', clock: 'ok' }, clock_error_bound_ms: 0.232 },
    ],
  },
);

export const notReadyExample = {
  status: 'unavailable',
  checks: { lease: 'ok', redis: 'reconnecting', clock: 'ok' },
  clock_error_bound_ms: 0.302,
};

export const metricsExample = `# HELP fairline_slices_total Slices appended to the log
# TYPE fairline_slices_total counter
fairline_slices_total 1893
`;
