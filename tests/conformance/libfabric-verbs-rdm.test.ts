import { describeLibfabricVerbs } from './describe-libfabric-verbs.ts';

describeLibfabricVerbs('verbs;ofi_rxm', 'rdm');
