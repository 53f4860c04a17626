/** The processors of a list as the kernel writes it: `0-3,8` is 0, 1, 2, 3, 8. Throws RangeError for anything else. */
export function parseProcessorList(text: string): number[] {
  return text
    .trim()
    .split(',')
    .filter((range) => range !== '')
    .flatMap((range) => {
      const match = /^(\d+)(?:-(\d+))?$/.exec(range);
      if (match === null) {
        throw new RangeError(`"${text.trim()}" is no list of processors: such as 0-3,8 is expected`);
      }
      const first = Number(match[1]);
      const last = Number(match[2] ?? first);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}
