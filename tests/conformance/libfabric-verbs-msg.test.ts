import { describeLibfabricVerbs } from './describe-libfabric-verbs.ts';

describeLibfabricVerbs('verbs', 'msg');
