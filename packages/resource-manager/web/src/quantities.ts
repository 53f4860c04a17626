const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 3 });

/** `950`, `12.3K`, `1.2M`. */
export function formatCount(value: number): string {
  return compact.format(value);
}

/** `3d 4h`, `2h 5m`, `45s`. */
export function formatDuration(milliseconds: number): string {
  const seconds = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'm'],
    [seconds % 60, 's'],
  ] as const;
  const first = Math.max(
    0,
    parts.findIndex(([count]) => count > 0),
  );
  if (seconds === 0) return '0s';
  return parts
    .slice(first, first + 2)
    .map(([count, unit]) => `${count}${unit}`)
    .join(' ');
}

/** `870 ns`, `12.3 µs`, `1.2 s`. */
export function formatSeconds(seconds: number | null | undefined): string {
  if (seconds === null || seconds === undefined) return '–';
  if (seconds === 0) return '0 s';
  const scale = [
    [1, 's'],
    [1e-3, 'ms'],
    [1e-6, 'µs'],
  ] as const;
  const [unit, name] = scale.find(([size]) => seconds >= size) ?? [1e-9, 'ns'];
  return `${Number((seconds / unit).toPrecision(3))} ${name}`;
}

/** `512 MiB`, `3.5 GiB`. */
export function formatMebibytes(mebibytes: number): string {
  const scale = [
    [2 ** 20, 'TiB'],
    [2 ** 10, 'GiB'],
  ] as const;
  const [unit, name] = scale.find(([size]) => mebibytes >= size) ?? [1, 'MiB'];
  return `${Number((mebibytes / unit).toPrecision(3))} ${name}`;
}
