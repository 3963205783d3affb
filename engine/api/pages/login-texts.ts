/** The texts of the page /login, by language; see shared-texts.ts. */
const en = {
  title: 'Log in · fairline',
  heading: 'Log in',
  provider: 'Log in with the identity provider',
  name: 'Your name',
  password: 'Your password',
  code: 'The six digits of your authenticator, or a recovery code',
  submit: 'Log in',
  done: 'You are logged in: {name}, {role}.',
  faults: {
    name: 'The name is not that of an account.',
    password: 'The password is not that of the account: it has 8 to 128 characters.',
    code: 'The code is neither six digits nor a recovery code.',
    query: 'The login at the identity provider was not completed. Begin it again.',
  },
  refusals: {
    'login-refused':
      'The name, the password or the code is wrong, or the code was used already. Wait for the next six digits.',
    'authorization-refused': 'The login at the identity provider was not completed. Begin it again.',
    'token-refused': 'The identity provider names no group that may log in here. Ask an owner.',
    conflict: 'Another account has your name at the identity provider. Ask an owner.',
  },
};

const ko: typeof en = {
  title: '로그인 · fairline',
  heading: '로그인',
  provider: '회사 계정으로 로그인',
  name: '이름',
  password: '비밀번호',
  code: '인증 앱의 여섯 자리 숫자 또는 복구 코드',
  submit: '로그인',
  done: '로그인했습니다: {name}({role}) 님',
  faults: {
    name: '계정의 이름이 아닙니다.',
    password: '계정의 비밀번호가 아닙니다. 비밀번호는 8~128자입니다.',
    code: '여섯 자리 숫자도 복구 코드도 아닙니다.',
    query: '회사 계정 로그인이 끝나지 않았습니다. 다시 시작하세요.',
  },
  refusals: {
    'login-refused':
      '이름, 비밀번호, 코드 중 하나가 틀렸거나 이미 쓴 코드입니다. 다음 여섯 자리 숫자를 기다리세요.',
    'authorization-refused': '회사 계정 로그인이 끝나지 않았습니다. 다시 시작하세요.',
    'token-refused': '회사 계정에 로그인이 허용된 그룹이 없습니다. 소유자에게 문의하세요.',
    conflict: '회사 계정의 이름을 이미 다른 계정이 쓰고 있습니다. 소유자에게 문의하세요.',
  },
};

export const loginTexts = { en, ko } as const;
