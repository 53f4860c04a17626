import { Api, ApiError } from './api.ts';
import type { Caller } from './answers.ts';
import { Dashboard } from './dashboard.ts';
import { byId } from './element.ts';

const api = new Api();
const form = byId<HTMLFormElement>('sign-in');
const field = byId<HTMLInputElement>('token');
let dashboard: Dashboard | undefined;

/** Shows the cluster if the token that is there, or none, is enough; else asks for one. */
async function enter(problem = ''): Promise<void> {
  try {
    const caller = await api.get<Caller>('whoami');
    form.hidden = true;
    dashboard = new Dashboard(api, caller, (reason) => void leave(reason));
    dashboard.start();
    byId('main').focus();
  } catch (error) {
    const isRefused = error instanceof ApiError && error.status === 401;
    const text = error instanceof ApiError ? error.message : String(error);
    ask(problem !== '' || !isRefused || api.token !== '' ? problem || text : '');
    api.token = '';
  }
}

function ask(problem: string): void {
  byId('connection').textContent = 'not signed in';
  byId('sign-in-problem').textContent = problem;
  form.hidden = false;
  field.focus();
}

async function leave(reason: string): Promise<void> {
  dashboard?.stop();
  api.token = '';
  // What was seen with one token shall not stay for the next one.
  if (reason === '') location.reload();
  else ask(reason);
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  api.token = field.value.trim();
  field.value = '';
  void enter();
});
byId('sign-out').addEventListener('click', () => void leave(''));
await enter();
