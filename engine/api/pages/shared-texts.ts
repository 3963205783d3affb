/**
 * The texts that both pages have, by language. `{…}` stands for what the page fills in; `refusals` are by the slug of a problem, and
 * `faults`, which each page has of its own, by the member of a body.
 */
const en = {
  language: 'en',
  noScript: 'This page needs JavaScript.',
  next: 'Where to go next',
  campaigns: 'Campaigns',
  schedule: 'What opens, closes and is drawn',
  log: 'What operators did',
  operations: 'All operations, each with the permission that it needs',
  unreachable: 'The engine cannot be reached right now. Try again in a moment.',
  other: 'The engine refused: {detail}',
  tooMany: 'Too many attempts at this moment. Try again in {seconds} s.',
  unavailable: 'The engine cannot do that right now. Try again in a moment.',
  failed: 'The engine failed; its log says why. Try again in a moment.',
  foreign: 'The address of this page is not the one that the engine has. Open it by its own address.',
};

const ko: typeof en = {
  language: 'ko',
  noScript: '이 페이지에는 자바스크립트가 필요합니다.',
  next: '다음에 갈 곳',
  campaigns: '캠페인',
  schedule: '열림, 마감, 추첨 일정',
  log: '운영자가 한 일',
  operations: '모든 작업과 각각에 필요한 권한',
  unreachable: '지금은 엔진에 연결할 수 없습니다. 잠시 후 다시 시도하세요.',
  other: '엔진이 거절했습니다: {detail}',
  tooMany: '지금은 시도가 너무 많습니다. {seconds}초 후 다시 시도하세요.',
  unavailable: '지금은 엔진이 처리할 수 없습니다. 잠시 후 다시 시도하세요.',
  failed: '엔진에 오류가 났습니다. 이유는 엔진 로그에 있습니다. 잠시 후 다시 시도하세요.',
  foreign: '이 페이지의 주소가 엔진의 주소와 다릅니다. 엔진의 주소로 여세요.',
};

export const sharedTexts = { en, ko } as const;
export type Language = keyof typeof sharedTexts;
