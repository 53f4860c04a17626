// Which part may import which: the one table that ESLint's restricted imports and check-layering.mjs are made from.

/** Packages by name: where they are, and what they may import from the workspace. Servers share bytes, not code. */
export const packages = {
  '@rfaas/core': { folder: 'packages/core', mayImport: [] },
  '@rfaas/rdmalib': { folder: 'packages/rdmalib', mayImport: [] },
  '@rfaas/client': { folder: 'packages/client', mayImport: ['@rfaas/core', '@rfaas/rdmalib'] },
  '@rfaas/resource-manager': {
    folder: 'packages/resource-manager',
    mayImport: ['@rfaas/core', '@rfaas/rdmalib'],
  },
  '@rfaas/executor-manager': {
    folder: 'packages/executor-manager',
    mayImport: ['@rfaas/core', '@rfaas/rdmalib'],
  },
  '@rfaas/executor': { folder: 'packages/executor', mayImport: ['@rfaas/core', '@rfaas/rdmalib'] },
};

/** Dependencies that are not imports: the executor manager starts the executor as a process, the thin packages start a program. */
export const startedPrograms = {
  '@rfaas/executor-manager': ['@rfaas/executor'],
  rfaas: ['@rfaas/client'],
  'rfaas-executor-manager': ['@rfaas/executor-manager'],
  'rfaas-resource-manager': ['@rfaas/resource-manager'],
};

/** npm packages that only these files may import (`*` stands for anything within one file or folder name). */
export const confinedImports = {
  koffi: ['packages/rdmalib/src/native/koffi-*.ts', 'packages/executor/src/functions/koffi-*.ts'],
  'ffi-rs': ['packages/rdmalib/src/native/ffi-rs-*.ts', 'packages/client/src/functions/ffi-rs-*.ts'],
  winston: ['packages/core/src/logging/winston-logger.ts'],
  commander: ['packages/*/src/cli.ts', 'packages/*/src/cli/*.ts'],
  '@grpc/grpc-js': ['packages/resource-manager/src/store/etcd/*.ts'],
  '@grpc/proto-loader': ['packages/resource-manager/src/store/etcd/*.ts'],
  'prom-client': ['packages/*/src/metrics/*.ts'],
  fastify: ['packages/resource-manager/src/http/*.ts', 'packages/resource-manager/src/http/routes/*.ts'],
};

/** Whether a file matches a pattern of `confinedImports`. */
export function matchesPattern(file, pattern) {
  const escaped = pattern.split('*').map((part) => part.replace(/[.+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${escaped.join('[^/]*')}$`).test(file);
}
