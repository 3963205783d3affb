/** The texts of the page /enrol, by language; see shared-texts.ts. */
const en = {
  title: 'Enrol · fairline',
  heading: 'Enrol',
  reading: 'Reading the link…',
  first: 'You become the first owner.',
  invited: 'This link is for {name}, {role}.',
  until: 'The link works until {time}.',
  name: 'Your name',
  password: 'A new password',
  rules: '8 characters or more, not among the most common ones, and not made of your name',
  authenticator: 'Scan this with an authenticator app',
  picture: 'QR code for an authenticator app',
  secret: 'Or type this secret into it:',
  open: 'Or open it in one on this device',
  code: 'The six digits that it shows',
  submit: 'Enrol',
  enrolled: '{name}, {role}.',
  done: 'You are enrolled and logged in. Each of these codes stands in for the authenticator once. Keep them: they are not shown again.',
  toLogin: 'Have you enrolled already? Log in',
  nextTime: 'The next time: log in',
  faults: {
    name: 'Choose another name: 1 to 100 characters, without special characters or a space at either end.',
    password:
      'Choose another password: 8 to 128 characters, not among the most common ones, not one piece repeated or a row of keys, and not made of your name.',
    code: 'The six digits are not right. Type those that the authenticator shows now.',
    enrolment: 'The secret does not belong to this link. Open the link again.',
  },
  refusals: {
    'no-link': 'The address has no link behind its #. Open the whole link.',
    'link-refused': 'The link does not work: it was used, replaced, or is too old. Ask for a new one.',
    conflict: 'That name is taken. Choose another one.',
  },
};

const ko: typeof en = {
  title: '등록 · fairline',
  heading: '등록',
  reading: '링크를 읽고 있습니다…',
  first: '첫 번째 소유자(owner)가 됩니다.',
  invited: '{name}({role}) 님을 위한 링크입니다.',
  until: '링크는 {time}까지 쓸 수 있습니다.',
  name: '이름',
  password: '새 비밀번호',
  rules: '8자 이상이어야 하며, 흔한 비밀번호나 이름으로 만든 것은 쓸 수 없습니다',
  authenticator: '인증 앱으로 스캔하세요',
  picture: '인증 앱용 QR 코드',
  secret: '또는 이 비밀 키를 직접 입력하세요:',
  open: '또는 이 기기의 인증 앱에서 열기',
  code: '앱에 표시된 여섯 자리 숫자',
  submit: '등록',
  enrolled: '{name}({role}) 님',
  done: '등록과 로그인이 끝났습니다. 아래 코드는 인증 앱 대신 한 번씩 쓸 수 있습니다. 다시 표시되지 않으니 보관하세요.',
  toLogin: '이미 등록하셨나요? 로그인',
  nextTime: '다음부터는 로그인',
  faults: {
    name: '다른 이름을 고르세요. 1~100자이며, 특수 제어 문자나 앞뒤 공백이 없어야 합니다.',
    password:
      '다른 비밀번호를 고르세요. 8~128자여야 하며, 흔한 비밀번호, 반복되는 문자열, 자판의 한 줄, 이름으로 만든 것은 쓸 수 없습니다.',
    code: '여섯 자리 숫자가 맞지 않습니다. 인증 앱에 지금 표시된 숫자를 입력하세요.',
    enrolment: '비밀 키가 이 링크의 것이 아닙니다. 링크를 다시 여세요.',
  },
  refusals: {
    'no-link': '주소의 # 뒤에 링크가 없습니다. 링크 전체를 여세요.',
    'link-refused': '이미 쓰였거나 바뀌었거나 오래되어 쓸 수 없는 링크입니다. 새 링크를 요청하세요.',
    conflict: '이미 있는 이름입니다. 다른 이름을 고르세요.',
  },
};

export const enrolTexts = { en, ko } as const;
