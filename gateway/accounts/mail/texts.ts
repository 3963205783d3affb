/** The e-mails to fans, in English and Korean: plain text, each with at most one link. */
import type { Locale } from '../../../sql/statements/fans/fan-sessions.ts';

export type MailKind =
  | 'verify'
  | 'exists'
  | 'reset'
  | 'new-address'
  | 'address-notice'
  | 'address-changed'
  | 'password-changed';

export interface MailText {
  readonly subject: string;
  readonly text: string;
}

interface Facts {
  /** Where the link of this e-mail leads; of those without one the page of accounts. */
  readonly link: string;
  /** How long the link works. */
  readonly minutes: number;
}

type Write = (facts: Facts) => MailText;

const en: Readonly<Record<MailKind, Write>> = {
  verify: ({ link, minutes }) => ({
    subject: 'Confirm your e-mail address',
    text: `Open this link to confirm your address, then log in with the password that you chose; before that no login works. The link works for ${minutes} minutes.\n\n${link}\n\nIf you did not sign up, do nothing: the account is deleted by itself.\n`,
  }),
  exists: ({ link }) => ({
    subject: 'You already have an account',
    text: `Somebody, perhaps you, has signed up with this address, which already has an account. Log in, or ask for a new password:\n\n${link}\n\nIf it was not you, do nothing: nothing has changed.\n`,
  }),
  reset: ({ link, minutes }) => ({
    subject: 'Choose a new password',
    text: `Open this link to choose a new password. It works once, for ${minutes} minutes, and logs you out everywhere.\n\n${link}\n\nIf you did not ask for it, do nothing: your password stays as it is.\n`,
  }),
  'new-address': ({ link, minutes }) => ({
    subject: 'Confirm your new e-mail address',
    text: `Open this link to use this address for your account from now on. It works for ${minutes} minutes.\n\n${link}\n\nIf you did not ask for it, do nothing.\n`,
  }),
  'address-notice': ({ link }) => ({
    subject: 'Your e-mail address is about to change',
    text: `Somebody who is logged in to your account, and knows its password, has asked to use another e-mail address for it. If it was not you, choose a new password now; that also logs out everybody else:\n\n${link}\n`,
  }),
  'address-changed': ({ link }) => ({
    subject: 'Your e-mail address was changed',
    text: `Your account uses another e-mail address from now on, as was asked for. If it was not you, write to the shop at once:\n\n${link}\n`,
  }),
  'password-changed': ({ link }) => ({
    subject: 'Your password was changed',
    text: `A new password was chosen with a link that went to this address, and everybody was logged out. If it was not you, choose another one now, and look who reads your e-mails:\n\n${link}\n`,
  }),
};

const ko: Readonly<Record<MailKind, Write>> = {
  verify: ({ link, minutes }) => ({
    subject: '이메일 주소를 확인해 주세요',
    text: `아래 링크를 열어 이메일 주소를 확인한 다음, 가입할 때 정한 비밀번호로 로그인해 주세요. 그전에는 로그인할 수 없어요. 링크는 ${minutes}분 동안 쓸 수 있어요.\n\n${link}\n\n가입한 적이 없다면 그대로 두세요. 계정은 저절로 삭제돼요.\n`,
  }),
  exists: ({ link }) => ({
    subject: '이미 가입한 이메일 주소예요',
    text: `이 주소로 누군가 가입을 시도했어요. 이 주소에는 이미 계정이 있어요. 로그인하거나 비밀번호를 새로 정해 주세요.\n\n${link}\n\n본인이 아니라면 그대로 두세요. 바뀐 것은 없어요.\n`,
  }),
  reset: ({ link, minutes }) => ({
    subject: '비밀번호를 새로 정해 주세요',
    text: `아래 링크에서 비밀번호를 새로 정할 수 있어요. 링크는 ${minutes}분 동안 한 번만 쓸 수 있고, 모든 기기에서 로그아웃돼요.\n\n${link}\n\n요청한 적이 없다면 그대로 두세요. 비밀번호는 바뀌지 않아요.\n`,
  }),
  'new-address': ({ link, minutes }) => ({
    subject: '새 이메일 주소를 확인해 주세요',
    text: `아래 링크를 열면 이제부터 이 주소를 계정에 써요. 링크는 ${minutes}분 동안 쓸 수 있어요.\n\n${link}\n\n요청한 적이 없다면 그대로 두세요.\n`,
  }),
  'address-notice': ({ link }) => ({
    subject: '이메일 주소가 곧 바뀌어요',
    text: `로그인한 누군가가 비밀번호를 입력하고 계정의 이메일 주소를 바꾸려고 해요. 본인이 아니라면 지금 비밀번호를 새로 정해 주세요. 다른 곳에서는 모두 로그아웃돼요.\n\n${link}\n`,
  }),
  'address-changed': ({ link }) => ({
    subject: '이메일 주소가 바뀌었어요',
    text: `요청에 따라 이제부터 계정에 다른 이메일 주소를 써요. 본인이 아니라면 바로 판매처에 알려 주세요.\n\n${link}\n`,
  }),
  'password-changed': ({ link }) => ({
    subject: '비밀번호가 바뀌었어요',
    text: `이 주소로 보낸 링크로 비밀번호를 새로 정했고, 모든 기기에서 로그아웃됐어요. 본인이 아니라면 지금 비밀번호를 다시 정하고, 이메일을 다른 사람이 보고 있지 않은지 확인해 주세요.\n\n${link}\n`,
  }),
};

const texts: Readonly<Record<Locale, Readonly<Record<MailKind, Write>>>> = { en, ko };

export function mailText(kind: MailKind, locale: Locale, facts: Facts): MailText {
  return texts[locale][kind](facts);
}
