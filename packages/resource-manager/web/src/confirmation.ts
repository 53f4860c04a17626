import { byId } from './element.ts';

/** What somebody is asked before something ends. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** Asks for a grace time in seconds, and proposes this one. */
  readonly graceSeconds?: number;
}

type Answer = { readonly graceMs: number } | undefined;

/** The last question. A dialog is gone before its end is told: who asks meanwhile would take that for an answer. */
let last: Promise<unknown> = Promise.resolve();

/** Asks, one question after the other; `undefined` if the answer is no. The focus goes back to where it was. */
export async function confirmAction(question: Question): Promise<Answer> {
  const answer = last.then(async () => ask(question));
  last = answer.catch(() => undefined);
  return answer;
}

async function ask(question: Question): Promise<Answer> {
  const dialog = byId<HTMLDialogElement>('confirm');
  const grace = byId<HTMLInputElement>('confirm-grace');
  byId('confirm-title').textContent = question.title;
  byId('confirm-text').textContent = question.text;
  byId('confirm-do').textContent = question.action;
  byId('confirm-grace-line').hidden = question.graceSeconds === undefined;
  grace.value = String(question.graceSeconds ?? 0);
  dialog.returnValue = 'cancel';
  dialog.showModal();
  await new Promise((resolve) => dialog.addEventListener('close', resolve, { once: true }));
  return dialog.returnValue === 'do' ? { graceMs: Math.round(Number(grace.value) * 1000) } : undefined;
}
