/**
 * The rFaaS executor. It is a program, `rfaas-executor`, which an executor manager starts; what it exports here is what
 * others may want to know about packages before they send one.
 *
 * @packageDocumentation
 */
export { resolveImports } from './functions/javascript-module.ts';
export { ModulesDirectoryResolver } from './functions/module-resolver.ts';
export type { ModuleResolver } from './functions/module-resolver.ts';
