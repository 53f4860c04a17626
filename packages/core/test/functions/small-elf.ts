/** A symbol of {@link smallElf}. */
export interface ElfSymbol {
  readonly name: string;
  /** STT_: 1 object, 2 function, 10 indirect function. */
  readonly type?: number;
  /** STB_: 0 local, 1 global, 2 weak. */
  readonly binding?: number;
  /** STV_: 0 default, 2 hidden, 3 protected. */
  readonly visibility?: number;
  readonly section?: number;
}

/** The smallest 64-bit shared library that has a dynamic symbol table with these symbols. */
export function smallElf(symbols: readonly ElfSymbol[], machine = 62): Uint8Array {
  const names = ['', ...symbols.map(({ name }) => name)];
  const strings = Buffer.from(names.map((name) => `${name}\0`).join(''));
  const symbolsAt = 64;
  const stringsAt = symbolsAt + 24 * (symbols.length + 1);
  const sectionsAt = stringsAt + strings.byteLength;
  const file = Buffer.alloc(sectionsAt + 3 * 64);
  file.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(BigInt(sectionsAt), 40);
  file.writeUInt16LE(64, 58);
  file.writeUInt16LE(3, 60);
  file.set(strings, stringsAt);
  let nameAt = 1;
  symbols.forEach(({ name, type = 2, binding = 1, visibility = 0, section = 1 }, index) => {
    const at = symbolsAt + 24 * (index + 1);
    file.writeUInt32LE(nameAt, at);
    file[at + 4] = (binding << 4) | type;
    file[at + 5] = visibility;
    file.writeUInt16LE(section, at + 6);
    nameAt += Buffer.byteLength(name) + 1;
  });
  writeSection(file, sectionsAt + 64, 11, symbolsAt, stringsAt - symbolsAt, 2);
  writeSection(file, sectionsAt + 128, 3, stringsAt, strings.byteLength, 0);
  return new Uint8Array(file);
}

function writeSection(
  file: Buffer,
  at: number,
  type: number,
  offset: number,
  bytes: number,
  link: number,
): void {
  file.writeUInt32LE(type, at + 4);
  file.writeBigUInt64LE(BigInt(offset), at + 24);
  file.writeBigUInt64LE(BigInt(bytes), at + 32);
  file.writeUInt32LE(link, at + 40);
}
