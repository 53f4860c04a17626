/**
 * What rFaaS clients and servers share: wire messages, configuration, keys and leases, logging, command lines.
 *
 * @packageDocumentation
 */
export * from './wire.ts';
export * from './cli/parse-options.ts';
export * from './cli/program.ts';
export * from './cli/run-main.ts';
export * from './config/benchmark-config.ts';
export * from './config/device-config.ts';
export * from './config/executor-manager-config.ts';
export * from './config/executors-database.ts';
export * from './config/read-config.ts';
export * from './config/hide-credentials.ts';
export * from './config/redact.ts';
export * from './config/resource-manager-config.ts';
export * from './config/schemas.ts';
export * from './config/transport-config.ts';
export * from './executor-assignment.ts';
export * from './first-place.ts';
export * from './http/http-tokens.ts';
export * from './security/handshake.ts';
export * from './security/handshake-proofs.ts';
export * from './security/key-files.ts';
export * from './security/keys.ts';
export * from './security/lease-token.ts';
export * from './logging/winston-logger.ts';
export * as configFields from './config/fields.ts';
