/** `3d 4h`, `2h 5m`, `45s`: two units are enough to look at. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds));
  const parts = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'm'],
    [whole % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  return first === -1
    ? '0s'
    : parts
        .slice(first, first + 2)
        .filter(([count], index) => index === 0 || count > 0)
        .map(([count, unit]) => `${count}${unit}`)
        .join(' ');
}

/** A time that was measured, in the unit in which it has one to three digits: `870 ns`, `12.3 µs`, `1.2 s`. */
export function formatSeconds(seconds: number | null): string {
  if (seconds === null) return '–';
  const scale = [
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ] as const;
  const [unit, name] = scale.find(([size]) => seconds >= size) ?? [1e-9, 'ns'];
  return `${significant(seconds / unit)} ${name}`;
}

/** A number with three digits and k, M, G or T: `950`, `12.3k`, `1.2M`. */
export function formatCount(value: number): string {
  const scale = [
    [1e12, 'T'],
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ] as const;
  const [unit, suffix] = scale.find(([size]) => Math.abs(value) >= size) ?? [1, ''];
  return `${significant(value / unit)}${suffix}`;
}

/** Memory in MiB, GiB or TiB. */
export function formatMebibytes(mebibytes: number): string {
  if (mebibytes < 1024) return `${mebibytes} MiB`;
  return mebibytes < 1024 * 1024
    ? `${significant(mebibytes / 1024)} GiB`
    : `${significant(mebibytes / 1024 / 1024)} TiB`;
}

function significant(value: number): string {
  return value >= 100 || Number.isInteger(value)
    ? String(Math.round(value))
    : value.toFixed(value >= 10 ? 1 : 2).replace(/\.?0+$/, '');
}
