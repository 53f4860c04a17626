import { byId } from './element.ts';

/** What somebody is asked before something ends. */
export interface Question {
  readonly title: string;
  readonly text: string;
  readonly action: string;
  /** Asks for a grace time in seconds, and proposes this one. */
  readonly graceSeconds?: number;
}

/** Asks; `undefined` if the answer is no. The focus goes back to where it was. */
export async function confirmAction(question: Question): Promise<{ readonly graceMs: number } | undefined> {
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
