/**
 * Messages, without any npm dependency and without `node:crypto`: what a worker thread or another small process imports
 * as `@rfaas/core/wire` to stay small. `@rfaas/core` has all of it too.
 *
 * @packageDocumentation
 */
export * from './errors.ts';
export * from './functions/elf-symbols.ts';
export * from './labels.ts';
export * from './logging/logger.ts';
export * from './messages/allocation-messages.ts';
export * from './messages/connection-data.ts';
export * from './messages/envelope.ts';
export * from './messages/executor-messages.ts';
export * from './messages/invocation.ts';
export * from './messages/lease-messages.ts';
export * from './messages/message-table.ts';
export * from './messages/message.ts';
export * from './messages/record-layout.ts';
export * from './messages/text-fields.ts';
export * as fieldTypes from './messages/field-types.ts';
export * as handshakeMessages from './messages/handshake-messages.ts';
export * from './time/monotonic.ts';
export * from './time/steady-clock.ts';
