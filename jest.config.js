// Units run on sources; conformance and integration run what users run, the built packages.
const swc = [
  '@swc/jest',
  {
    jsc: { target: 'es2022', parser: { syntax: 'typescript', explicitResourceManagement: true } },
    module: { type: 'es6' },
  },
];

const shared = {
  // Jest looks through every file below its roots: the packages of others are not among them.
  roots: ['<rootDir>/tests'],
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': swc },
};

const fromSources = {
  ...shared,
  testEnvironmentOptions: { customExportConditions: ['@rfaas/source', 'node', 'node-addons'] },
  transformIgnorePatterns: ['/node_modules/(?!@rfaas/)'],
};

export default {
  projects: [
    {
      ...fromSources,
      displayName: 'unit',
      roots: ['<rootDir>/packages', '<rootDir>/benchmarks', '<rootDir>/tests/tooling'],
      testMatch: [
        '<rootDir>/packages/*/test/**/*.test.ts',
        '<rootDir>/benchmarks/test/**/*.test.ts',
        '<rootDir>/tests/tooling/**/*.test.ts',
      ],
    },
    { ...shared, displayName: 'conformance', testMatch: ['<rootDir>/tests/conformance/**/*.test.ts'] },
    {
      ...shared,
      displayName: 'integration',
      testMatch: ['<rootDir>/tests/integration/**/*.test.ts', '<rootDir>/tests/hosts/**/*.test.ts'],
    },
    // Only in the machine of tests/soft-roce, whose runner chooses it.
    { ...shared, displayName: 'soft-roce', testMatch: ['<rootDir>/tests/soft-roce/test/**/*.test.ts'] },
    { ...shared, displayName: 'packaging', testMatch: ['<rootDir>/tests/packaging/**/*.test.ts'] },
  ],
};
