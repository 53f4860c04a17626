import js from '@eslint/js';
import importX from 'eslint-plugin-import-x';
import n from 'eslint-plugin-n';
import { defineConfig, globalIgnores } from 'eslint/config';
import tseslint from 'typescript-eslint';
import { confinedImports, packages } from './scripts/layering.mjs';

/** What is tests, measures or shows: long and chatty is fine there. */
const NOT_SHIPPED = [
  'packages/*/test/**',
  'packages/*/examples/**',
  'tests/**',
  'benchmarks/**',
  'demo/**',
  'examples/**',
  'scripts/**',
];
/** The only places that talk to a terminal or end the process. */
const TERMINAL = [
  'packages/*/src/cli.ts',
  'packages/*/src/cli/**',
  'packages/core/src/logging/**',
  'packages/*/bin/**',
];

const size = {
  'max-lines': ['error', { max: 300 }],
  'max-lines-per-function': ['error', { max: 60, skipBlankLines: true, skipComments: true }],
  complexity: ['error', 12],
};

const everywhere = {
  eqeqeq: ['error', 'always', { null: 'ignore' }],
  'no-var': 'error',
  'prefer-const': 'error',
  'object-shorthand': 'error',
  'n/prefer-node-protocol': 'error',
  'import-x/no-default-export': 'error',
  'import-x/no-cycle': 'error',
  'import-x/no-duplicates': 'error',
  'import-x/no-mutable-exports': 'error',
};

const typed = {
  '@typescript-eslint/no-floating-promises': 'error',
  '@typescript-eslint/consistent-type-imports': 'error',
  '@typescript-eslint/consistent-type-exports': 'error',
  '@typescript-eslint/explicit-module-boundary-types': 'error',
  '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
  '@typescript-eslint/no-explicit-any': 'error',
  '@typescript-eslint/return-await': 'error',
  // An async method that awaits nothing turns a throw into a rejection: that is its contract.
  '@typescript-eslint/require-await': 'off',
  '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
  '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
};

/** no-restricted-imports for one package: other packages it may not know, and anything below a package's entry point. */
function layering([name, { folder, mayImport }]) {
  const forbidden = Object.keys(packages).filter((other) => !mayImport.includes(other));
  const confined = Object.entries(confinedImports).filter(
    ([, files]) => !files.some((file) => mayMatch(file, folder)),
  );
  return {
    files: [`${folder}/src/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: [
            ...forbidden.map((other) => ({
              name: other,
              message:
                other === name
                  ? 'Import the file itself.'
                  : `${name} may not know ${other}: scripts/layering.mjs.`,
            })),
            ...confined.map(([library]) => ({
              name: library,
              message: 'Confined to other files: scripts/layering.mjs.',
            })),
          ],
          patterns: [
            {
              group: ['@rfaas/*/*', '!@rfaas/core/http', '!@rfaas/core/wire'],
              message: 'Only the entry points of packages are public.',
            },
          ],
        },
      ],
    },
  };
}

function mayMatch(pattern, folder) {
  return pattern.startsWith(`${folder}/`) || pattern.startsWith('packages/*/');
}

export default defineConfig(
  globalIgnores([
    '**/dist/',
    '**/node_modules/',
    'native-shims/build/',
    'demo-output/',
    'coverage/',
    'benchmarks/results/',
  ]),
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  js.configs.recommended,
  {
    plugins: { n, 'import-x': importX },
    settings: {
      'import-x/extensions': ['.ts', '.js', '.mjs'],
      'import-x/parsers': { '@typescript-eslint/parser': ['.ts'] },
    },
    languageOptions: { globals: nodeGlobals() },
    rules: { ...everywhere, ...size, 'no-console': 'error', 'n/no-process-exit': 'error' },
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: {
      parserOptions: {
        project: ['./tsconfig.check.json', './packages/resource-manager/web/tsconfig.json'],
        tsconfigRootDir: import.meta.dirname,
      },
    },
    rules: typed,
  },
  ...Object.entries(packages).map(layering),
  { files: [...TERMINAL, ...NOT_SHIPPED], rules: { 'no-console': 'off', 'n/no-process-exit': 'off' } },
  { files: NOT_SHIPPED, rules: { 'max-lines-per-function': 'off' } },
  {
    files: ['**/*.cjs'],
    languageOptions: { globals: { require: 'readonly', __dirname: 'readonly', module: 'writable' } },
  },
  { files: ['*.config.js'], rules: { 'import-x/no-default-export': 'off' } },
);

/** Globals of Node that plain JavaScript files use; TypeScript checks its own. */
function nodeGlobals() {
  const names = [
    'process',
    'console',
    'Buffer',
    'URL',
    'performance',
    'setTimeout',
    'clearTimeout',
    'setInterval',
    'clearInterval',
  ];
  return Object.fromEntries(
    [...names, 'setImmediate', 'fetch', 'AbortController', 'AbortSignal', 'TextDecoder', 'TextEncoder'].map(
      (name) => [name, 'readonly'],
    ),
  );
}
