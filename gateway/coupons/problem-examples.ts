/** The problems that the OpenAPI document shows for shops; see ../http/problem-examples.ts. */
import { alice, redemption } from '../../engine/contract/api/examples/story.ts';
import { fieldFault } from '../../engine/contract/api/problem.ts';
import { invalidExample, type ProblemExamples } from '../../engine/contract/api/problem-examples.ts';
import { unauthenticatedShop } from '../http/problem-examples.ts';

export const invalidId: ProblemExamples = {
  'invalid-request': invalidExample([
    fieldFault('id', 'first', 'the id of a reservation or redemption, a whole number from 1'),
  ]),
};

/** Of operations that only read. */
export const readProblems: ProblemExamples = {
  ...unauthenticatedShop,
  unavailable: { detail: 'Coupons cannot be used right now. Retrying under the same key is safe.' },
  ...invalidId,
  'unknown-coupon': {
    detail: 'Coupon "NONE" does not exist.',
    errors: [fieldFault('code', 'NONE', 'the code of an existing coupon, claimed if claims are required')],
  },
  'unknown-reservation': {
    detail: 'Reservation 999 does not exist.',
    errors: [fieldFault('id', 999, 'the id of an existing reservation')],
  },
  'unknown-redemption': {
    detail: 'Redemption 999 does not exist.',
    errors: [fieldFault('id', 999, 'the id of an existing redemption')],
  },
};

const KEY = '4d1c7f0e-5a53-4a0e-9a57-0f1de7a2c0b4';
const REFUSED_CODE = 'an existing code, claimed if claims are required';
/** Of operations that change something. */
export const changeProblems: ProblemExamples = {
  ...readProblems,
  'invalid-request': invalidExample([
    fieldFault(
      'idempotency-key',
      undefined,
      '1 to 255 printable characters without spaces, new for each new request',
    ),
  ]),
  'payload-too-large': {
    detail: 'The body is larger than 16384 bytes.',
    errors: [fieldFault('body', '20000 bytes', 'at most 16384 bytes')],
  },
  'idempotency-key-reused': {
    detail: `The key "${KEY}" was already used for another request.`,
    errors: [fieldFault('idempotency-key', KEY, 'a new key for each new request')],
  },
  blocked: {
    detail: 'The user is blocked and cannot redeem. What is redeemed stays.',
    errors: [fieldFault('user', alice.user, 'one of a user whom the operator has not blocked')],
  },
  'coupon-refused': {
    detail: `No coupon was used: codes[0] is "NONE", expected ${REFUSED_CODE}.`,
    errors: [fieldFault('codes[0]', 'NONE', REFUSED_CODE)],
    reasons: [{ code: 'NONE', reason: 'unknown' }],
  },
  'unknown-reservation': {
    detail: 'Reservation 999 does not exist.',
    errors: [fieldFault('reservation', 999, 'the id of an existing reservation')],
  },
  'unknown-redemption': {
    detail: 'Redemption 999 does not exist.',
    errors: [fieldFault('id', 999, 'the id of an existing redemption')],
  },
  'reservation-over': {
    detail: `Reservation ${redemption.id} is released: its uses were returned.`,
    errors: [
      fieldFault(
        'reservation',
        redemption.id,
        'a held reservation; reserve again or redeem the basket itself',
      ),
    ],
  },
  'already-redeemed': {
    detail: `Reservation ${redemption.id} was already redeemed.`,
    errors: [
      fieldFault(
        'reservation',
        redemption.id,
        'a held reservation; a refund returns the uses of a redemption',
      ),
    ],
  },
  'nothing-to-refund': {
    detail: 'Nothing was refunded: lines is [], expected an item that was not refunded yet.',
    errors: [fieldFault('lines', [], 'an item that was not refunded yet')],
  },
};

/** Another reason to refuse a coupon. */
export const usedUp: ProblemExamples = {
  'coupon-refused': {
    detail: 'No coupon was used: codes[0] is "SPRING-20", expected at most 500 uses in total.',
    errors: [fieldFault('codes[0]', 'SPRING-20', 'at most 500 uses in total')],
    reasons: [{ code: 'SPRING-20', reason: 'used_up' }],
  },
};
