/**
 * What rFaaS clients and servers share: wire messages, configuration, keys and leases, logging, command lines.
 *
 * @packageDocumentation
 */
export * from './wire.ts';
export * from './executor-assignment.ts';
export * from './logging/winston-logger.ts';
