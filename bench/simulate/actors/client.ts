/**
 * The users: each sends a request, repeats it when the answer is 503 or missing, keeps a stream open until it ends with an
 * outcome, and reopens a broken stream with the last event's id. The checker learns what users are told: an acceptance when the
 * gateway sends it (it may arrive from then on), a position when it arrives.
 */
import type { Checker, ToldSoFar } from '../checks/checker.ts';
import { type Path, wayUs } from '../kernel/network.ts';
import type { Tally } from '../kernel/tally.ts';
import { MS, type World } from '../kernel/world.ts';
import type { ClientRequest, Receiver } from '../models/http.ts';
import type { Ask } from '../plans/plan.ts';
import type { SimulatedGateway } from './gateway.ts';

const ANSWER_TIMEOUT_US = 700 * MS;
const TRIES = 8;
/** For a request after the last fault: whatever was lost is rebuilt in less time. */
const LATE_TRIES = 100;
/** Entering may be impossible for six seconds, and in some runs consecutive offers last for four seconds each. */
const STREAM_TRIES = 300;
const CLAIM_TRIES = 30;
/** Another outcome may follow. */
const OPEN_OUTCOMES: readonly string[] = ['waiting', 'waitlisted', 'offered'];

export interface Surroundings {
  readonly world: World;
  readonly checker: Checker;
  readonly tally: Tally;
  readonly path: Path;
  /** The gateway with that index, if one is running. */
  readonly gatewayAt: (index: number) => SimulatedGateway | undefined;
  readonly gateways: number;
}

/** An answer; `undefined` if none came in time. */
type Answer = { readonly status: number; readonly body: Record<string, unknown> } | undefined;

export class Client {
  readonly #around: Surroundings;
  readonly #ask: Ask;
  readonly #done: () => void;
  #tries = 0;
  #lastEventId = '';
  #isSettled = false;
  #claims = false;

  constructor(around: Surroundings, ask: Ask, done: () => void) {
    this.#around = around;
    this.#ask = ask;
    this.#done = done;
  }

  start(): void {
    this.#try(this.#ask.gateway);
  }

  #try(index: number): void {
    this.#tries += 1;
    const { bodyAfterMs, onTheWayMs, what } = this.#ask;
    if (what === 'close' || what === 'change' || what === 'set room' || what === 'end offer')
      throw new Error(`a ${what} is not for a gateway`);
    const bodyAfterUs = bodyAfterMs === undefined ? undefined : bodyAfterMs * MS;
    // Whole milliseconds, so that several requests often have the same instant.
    const noted = this.#around.world.nowUs / MS - (onTheWayMs ?? 0);
    const requestStart = onTheWayMs === undefined ? '' : `t=${Math.floor(noted)}`;
    const request = { ...this.#lookRequest(), what, bodyAfterUs, requestStart };
    const { campaignId, userId } = this.#ask;
    if (what === 'enter')
      this.#around.checker.schedule.requested(campaignId, userId, this.#around.world.nowUs);
    this.#exchange(index, request, answer => this.#hear(answer));
  }

  #lookRequest(): ClientRequest {
    const { campaignId, userId } = this.#ask;
    return { campaignId, userId, what: 'look', lastEventId: '', requestStart: '', bodyAfterUs: undefined };
  }

  #anyGateway(): number {
    return this.#around.world.random.between(0, this.#around.gateways - 1);
  }

  /** Sends a request and passes on one answer, or undefined if none arrives. */
  #exchange(index: number, request: ClientRequest, hear: (answer: Answer) => void): void {
    const { world } = this.#around;
    const askedUs = world.nowUs;
    const once = world.hearOnce(ANSWER_TIMEOUT_US, hear);
    const before = this.#around.checker.toldSoFar(request.campaignId, request.userId);
    this.#send(index, request, {
      answered: (status, text) => {
        const body: Record<string, unknown> = text === '' ? {} : JSON.parse(text);
        this.#told(request, status, body, before, askedUs);
        this.#back(() => once({ status, body }));
      },
      streamed: () => undefined,
      over: () => this.#back(() => once(undefined)),
    });
  }

  #send(index: number, request: ClientRequest, receiver: Receiver): void {
    sendTo(
      this.#around,
      index,
      gateway => gateway.request(request, receiver),
      () => receiver.over(),
    );
  }

  #back(hear: () => void): void {
    back(this.#around, hear);
  }

  /** Reports the gateway's answer to the checker, whether it arrives or not. */
  #told(
    { campaignId, userId, what }: ClientRequest,
    status: number,
    body: Record<string, unknown>,
    before: ToldSoFar,
    askedUs: number,
  ): void {
    const { checker, world } = this.#around;
    world.tell(
      () => `${userId} of campaign ${campaignId}: ${what} is answered ${status} ${JSON.stringify(body)}`,
    );
    const { stamp, position, outcome, serial, type } = body;
    const isEntry = (status === 202 && what !== 'claim') || (status === 200 && what === 'enter');
    if (status === 500) world.fail(new Error(`a handler failed: ${JSON.stringify(body)}`));
    checker.toldAgain(userId, before, {
      ...{ status, type, outcome },
      stamp: isEntry || what === 'look' ? numberOf(stamp) : undefined,
    });
    if (outcome === 'offered') checker.toldOffer({ campaignId, userId, claimBy: body.claim_by }, world.nowUs);
    if (isEntry && typeof stamp === 'number') checker.toldAccepted(campaignId, userId, stamp, askedUs);
    if (isEntry && typeof position === 'number') checker.toldPosition(campaignId, userId, position);
    if (what === 'claim' && outcome === 'claimed' && typeof serial === 'number')
      checker.toldClaimed(campaignId, userId, serial);
    if (typeof type === 'string' && type.endsWith('sold-out'))
      checker.toldSoldOut(campaignId, userId, numberOf(body.stock));
    if (what === 'enter' && typeof type === 'string' && type.endsWith('closed'))
      checker.toldClosed(campaignId, userId);
    if (what !== 'look' || status !== 200) return;
    if (typeof position === 'number') checker.toldPosition(campaignId, userId, position);
    if (typeof outcome === 'string' && !OPEN_OUTCOMES.includes(outcome)) {
      checker.toldOutcome({
        campaignId,
        userId,
        outcome,
        serial: numberOf(serial),
        position: numberOf(position),
      });
    }
  }

  #hear(answer: Answer): void {
    const { what, watches } = this.#ask;
    const isAccepted = answer?.status === 202 || answer?.status === 200;
    if (isAccepted && what === 'enter' && watches) {
      this.#tries = 0;
      const { world } = this.#around;
      world.after(this.#ask.watchesAfterMs * MS, world.outside, () => this.#watch());
      return;
    }
    const { isLate = false } = this.#ask;
    if (
      isAskedAgain(answer) &&
      this.#tries < (isLate ? LATE_TRIES : TRIES) &&
      !(isLate && isToldOfNone(answer))
    ) {
      this.#later(() => this.#try(this.#anyGateway()));
      return;
    }
    const isUnknown = String(answer?.body.type).endsWith('unknown-campaign');
    if (isLate && (answer === undefined || answer.status === 503 || isUnknown))
      this.#around.checker.breaks(1, `${this.#ask.userId} asks when all is healed, and is never told`);
    this.#end();
  }

  #later(run: () => void): void {
    const { world } = this.#around;
    world.after(world.random.between(10, 150) * MS, world.outside, run);
  }

  #end(): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    this.#done();
  }

  #watch(): void {
    this.#tries += 1;
    if (this.#tries > STREAM_TRIES) {
      this.#around.checker.breaks(1, `${this.#ask.userId} watches and is never told an outcome`);
      return;
    }
    const { world, path, tally, checker } = this.#around;
    const { campaignId, userId } = this.#ask;
    let isOver = false;
    let isThere = false;
    let answeredUs = 0;
    /** In order, as on one connection; a lost message breaks it. */
    const inOrder = (hear: () => void): void => {
      const backUs = wayUs(world, path, tally);
      answeredUs = Math.max(answeredUs, world.nowUs + (backUs ?? 0));
      world.after(answeredUs - world.nowUs, world.outside, () => {
        if (!isOver) (backUs === undefined ? again : hear)();
      });
    };
    const again = (): void => {
      if (isOver) return;
      isOver = true;
      if (isThere && gateway !== undefined) checker.streams.closed(campaignId, userId, world.nowUs, gateway);
      if (!this.#isSettled) this.#later(() => this.#watch());
    };
    const request: ClientRequest = { ...this.#lookRequest(), what: 'watch', lastEventId: this.#lastEventId };
    const index = this.#anyGateway();
    const gateway = this.#around.gatewayAt(index);
    const silence = (seenUs: number): void => {
      world.after(ANSWER_TIMEOUT_US * 4, world.outside, () => {
        if (answeredUs === seenUs) again();
        else silence(answeredUs);
      });
    };
    silence(answeredUs);
    this.#send(index, request, {
      answered: status => inOrder(() => (status === 204 ? this.#end() : again())),
      streamed: text => {
        const events = eventsOf(text);
        this.#toldOnStream(events);
        inOrder(() => {
          if (!isThere && gateway !== undefined)
            checker.streams.opened(campaignId, userId, world.nowUs, gateway);
          isThere = true;
          for (const event of events) this.#hearEvent(event);
        });
      },
      over: () => inOrder(again),
    });
  }

  /** Claims an offer, and repeats the request until it is answered. */
  #offered(): void {
    const { claimsAfterMs } = this.#ask;
    const { world } = this.#around;
    if (claimsAfterMs === undefined || this.#claims) return;
    this.#claims = true;
    world.after(claimsAfterMs * MS, world.outside, () => this.#claim(CLAIM_TRIES));
  }

  #claim(triesLeft: number): void {
    this.#exchange(this.#anyGateway(), { ...this.#lookRequest(), what: 'claim' }, answer => {
      if (isAskedAgain(answer) && triesLeft > 0 && !this.#isSettled)
        this.#later(() => this.#claim(triesLeft - 1));
    });
  }

  /** Reports a stream's offers to the checker as the gateway writes them, whether they arrive or not. */
  #toldOnStream(events: readonly StreamEvent[]): void {
    const { checker, world } = this.#around;
    const { campaignId, userId } = this.#ask;
    for (const { event, data } of events) {
      if (event === 'offer') checker.toldOffer({ campaignId, userId, claimBy: data.claim_by }, world.nowUs);
    }
  }

  #hearEvent({ id, event, data }: StreamEvent): void {
    this.#lastEventId = id ?? this.#lastEventId;
    const { checker, world } = this.#around;
    const { campaignId, userId } = this.#ask;
    world.tell(() => `${userId} of campaign ${campaignId} hears ${event} ${JSON.stringify(data)}`);
    const { position, ahead, outcome, serial } = data;
    if (event === 'position' && typeof position === 'number') {
      const count = numberOf(ahead);
      checker.toldPosition(
        campaignId,
        userId,
        position,
        count === undefined ? undefined : { client: this, count },
      );
    }
    if (event === 'offer') this.#offered();
    if (event !== 'outcome' || typeof outcome !== 'string') return;
    checker.toldOutcome({
      campaignId,
      userId,
      outcome,
      serial: numberOf(serial),
      position: numberOf(position),
    });
    this.#end();
  }
}

interface StreamEvent {
  readonly id: string | undefined;
  readonly event: string;
  readonly data: Record<string, unknown>;
}

/** The events in what a gateway has written; comments and the time of reconnecting are none. */
function eventsOf(text: string): readonly StreamEvent[] {
  return text.split('\n\n').flatMap(block => {
    const fields = new Map(
      block.split('\n').map(line => [line.split(': ', 1)[0] ?? '', line.slice(line.indexOf(': ') + 2)]),
    );
    const event = fields.get('event');
    return event === undefined
      ? []
      : [{ id: fields.get('id'), event, data: JSON.parse(fields.get('data') ?? '{}') }];
  });
}

/** Sends a request to the gateway with that index, unless it is lost; calls `gone` if no gateway is running there. */
export function sendTo(
  { world, path, tally, gatewayAt }: Surroundings,
  index: number,
  ask: (gateway: SimulatedGateway) => void,
  gone: () => void,
): void {
  const outUs = wayUs(world, path, tally);
  const gateway = gatewayAt(index);
  if (gateway === undefined) world.after(MS, world.outside, gone);
  else if (outUs !== undefined) world.after(outUs, gateway.process, () => ask(gateway));
}

/** Delivers a message to the outside, unless it is lost. */
export function back({ world, path, tally }: Surroundings, hear: () => void): void {
  const backUs = wayUs(world, path, tally);
  if (backUs !== undefined) world.after(backUs, world.outside, hear);
}

/** No answer, 503, or something that does not exist yet: repeating the request is safe and useful. */
function isAskedAgain(answer: Answer): boolean {
  if (answer === undefined || answer.status === 503 || answer.status === 404) return true;
  return String(answer.body.type).endsWith('not-open-yet');
}

/** Final, once nothing is in flight. */
function isToldOfNone(answer: Answer): boolean {
  return answer?.status === 404;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' ? value : undefined;
}
