import { RfaasError } from '../errors.ts';
import { functionNamesBytes } from '../messages/executor-messages.ts';
import { viewOf } from '../messages/record-layout.ts';

/** Processor architectures by the number in an ELF header (System V ABI, `e_machine`). */
const machines: Readonly<Record<number, string>> = {
  3: 'x86 (32-bit)',
  20: 'powerpc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm (32-bit)',
  62: 'x64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loongarch64',
};

const sectionTypeStrings = 3;
const sectionTypeDynamicSymbols = 11;
const typeShared = 3;
const symbolBytes = 24;
const sectionHeaderBytes = 64;

/**
 * The names of the functions that a shared library exports, sorted by code unit: the index of a name is the index of
 * the function on the wire.
 *
 * Every offset and count in the file is checked, so that a hostile file gives an error and nothing else.
 *
 * @param architecture what the library must be for, as `process.arch` names it; by default this host's
 * @throws RfaasError `RFAAS_ERR_PACKAGE` if the bytes are no 64-bit little-endian ELF shared library for `architecture`
 */
export function elfFunctionNames(library: Uint8Array, architecture: string = process.arch): string[] {
  const file = new ElfFile(library, architecture);
  const sections = file.sections();
  const names = new Set<string>();
  for (const section of sections) {
    if (section.type !== sectionTypeDynamicSymbols) {
      continue;
    }
    const strings = sections[section.link];
    if (strings === undefined) {
      throw damaged('the symbol table names a string table that is not there');
    }
    for (let at = section.offset; at + symbolBytes <= section.offset + section.bytes; at += symbolBytes) {
      const name = file.exportedFunction(at, strings);
      if (name !== undefined) {
        names.add(name);
      }
    }
  }
  return [...names].sort();
}

interface Section {
  readonly type: number;
  readonly offset: number;
  readonly bytes: number;
  readonly link: number;
}

class ElfFile {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array, architecture: string) {
    this.#bytes = bytes;
    this.#view = viewOf(bytes);
    if (bytes.byteLength < 4 || this.#view.getUint32(0, false) !== 0x7f454c46) {
      throw packageError('it is no ELF file; a native function package is a shared library (.so)');
    }
    this.#checkHeader(architecture);
  }

  #checkHeader(architecture: string): void {
    if (this.#bytes.byteLength < 20) {
      throw damaged('it ends inside its header');
    }
    const machine = this.#view.getUint16(18, this.#bytes[5] !== 2);
    const machineName = machines[machine] ?? `machine number ${machine}`;
    if (this.#bytes[4] !== 2) {
      throw packageError(`it is a 32-bit library (${machineName}), this host needs 64-bit ${architecture}`);
    }
    if (this.#bytes[5] !== 1) {
      throw packageError(`it is a big-endian library (${machineName}), this host needs ${architecture}`);
    }
    if (machineName !== architecture) {
      throw packageError(`it is for ${machineName}, this host needs ${architecture}`);
    }
    const type = this.#view.getUint16(16, true);
    if (type !== typeShared) {
      throw packageError(
        `it is an ELF file of type ${type}, not a shared library; link it with -shared -fPIC`,
      );
    }
    if (this.#bytes.byteLength < 64) {
      throw damaged('it ends inside its header');
    }
  }

  sections(): Section[] {
    const offset = this.#number64(40);
    const entryBytes = this.#view.getUint16(58, true);
    const count = this.#view.getUint16(60, true);
    if (offset === 0 || count === 0) {
      throw packageError('its section headers were stripped; build it without stripping them');
    }
    if (entryBytes !== sectionHeaderBytes || offset + count * entryBytes > this.#bytes.byteLength) {
      throw damaged('its section headers lie outside the file');
    }
    return Array.from({ length: count }, (_, index) => this.#section(offset + index * entryBytes));
  }

  #section(at: number): Section {
    const type = this.#view.getUint32(at + 4, true);
    const link = this.#view.getUint32(at + 40, true);
    if (type !== sectionTypeDynamicSymbols && type !== sectionTypeStrings) {
      // Never read, and others (.bss) may have more bytes than the file.
      return { type, offset: 0, bytes: 0, link };
    }
    const offset = this.#number64(at + 24);
    const bytes = this.#number64(at + 32);
    if (offset + bytes > this.#bytes.byteLength) {
      throw damaged('a section lies outside the file');
    }
    return { type, offset, bytes, link };
  }

  /** The name of the symbol at `at`, if it is a function that the library defines and shows. */
  exportedFunction(at: number, strings: Section): string | undefined {
    const nameOffset = this.#view.getUint32(at, true);
    const info = this.#view.getUint8(at + 4);
    const visibility = this.#view.getUint8(at + 5) & 3;
    const definedIn = this.#view.getUint16(at + 6, true);
    const type = info & 15;
    const binding = info >> 4;
    const isFunction = type === 2 || type === 10;
    const isVisible = (binding === 1 || binding === 2) && (visibility === 0 || visibility === 3);
    if (!isFunction || !isVisible || definedIn === 0) {
      return undefined;
    }
    const name = this.#string(strings, nameOffset);
    // The linker's own entry points on some toolchains, never functions of the user.
    return name === '' || name === '_init' || name === '_fini' ? undefined : name;
  }

  #string(strings: Section, nameOffset: number): string {
    if (strings.type !== sectionTypeStrings || nameOffset >= strings.bytes) {
      throw damaged('a symbol name lies outside its string table');
    }
    const start = strings.offset + nameOffset;
    const limit = Math.min(strings.offset + strings.bytes, start + functionNamesBytes + 1);
    const table = this.#bytes.subarray(start, limit);
    const end = table.indexOf(0);
    if (end < 0) {
      throw damaged(`a symbol name has no end within ${functionNamesBytes} bytes`);
    }
    return Buffer.from(table.buffer, table.byteOffset, end).toString('utf8');
  }

  #number64(at: number): number {
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(this.#bytes.byteLength)) {
      throw damaged('an offset lies outside the file');
    }
    return Number(value);
  }
}

function packageError(text: string): RfaasError {
  return new RfaasError('RFAAS_ERR_PACKAGE', `cannot use the library: ${text}`);
}

function damaged(text: string): RfaasError {
  return packageError(`the file is damaged or truncated: ${text}`);
}
