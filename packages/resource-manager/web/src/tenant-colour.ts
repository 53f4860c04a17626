import { element } from './element.ts';

const seen = new Map<string, number>();

/** The hue of a tenant, the same wherever it is shown. Steps of the golden angle keep any number of tenants apart. */
export function tenantHue(tenant: string): number {
  const place = seen.get(tenant) ?? seen.size;
  seen.set(tenant, place);
  return Math.round((190 + place * 137.508) % 360);
}

/** A small mark in the colour of a tenant; its name stands beside it. */
export function tenantMark(tenant: string): HTMLElement {
  const mark = element('span', { class: 'dot', attributes: { 'aria-hidden': 'true' } });
  mark.style.setProperty('--hue', String(tenantHue(tenant)));
  return mark;
}
