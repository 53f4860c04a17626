import { describeInvocations } from '../support/describe-invocations.ts';

describeInvocations('libfabric+tcp://127.0.0.1:0?endpoint=msg');
