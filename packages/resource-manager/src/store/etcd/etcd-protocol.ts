import { fromJSON, type MethodDefinition, type ServiceDefinition } from '@grpc/proto-loader';

const field = (type: string, id: number): object => ({ type, id });
const repeated = (type: string, id: number): object => ({ rule: 'repeated', type, id });
const message = (fields: Readonly<Record<string, object>>, oneofs?: object): object => ({
  fields,
  ...(oneofs === undefined ? {} : { oneofs }),
});
const unary = (requestType: string, responseType: string): object => ({ requestType, responseType });
const stream = (requestType: string, responseType: string): object => ({
  ...unary(requestType, responseType),
  requestStream: true,
  responseStream: true,
});

/** What we use of etcd's API v3: names and numbers are those of its protocol, which it keeps between releases. */
const messages = {
  Header: message({ revision: field('int64', 3) }),
  KeyValue: message({
    key: field('bytes', 1),
    create_revision: field('int64', 2),
    mod_revision: field('int64', 3),
    value: field('bytes', 5),
    lease: field('int64', 6),
  }),
  RangeRequest: message({
    key: field('bytes', 1),
    range_end: field('bytes', 2),
    limit: field('int64', 3),
    count_only: field('bool', 9),
  }),
  RangeResponse: message({
    header: field('Header', 1),
    kvs: repeated('KeyValue', 2),
    more: field('bool', 3),
    count: field('int64', 4),
  }),
  PutRequest: message({ key: field('bytes', 1), value: field('bytes', 2), lease: field('int64', 3) }),
  DeleteRangeRequest: message({ key: field('bytes', 1) }),
  RequestOp: message(
    {
      request_range: field('RangeRequest', 1),
      request_put: field('PutRequest', 2),
      request_delete_range: field('DeleteRangeRequest', 3),
    },
    { request: { oneof: ['request_range', 'request_put', 'request_delete_range'] } },
  ),
  ResponseOp: message({ response_range: field('RangeResponse', 1) }),
  // `result` 0: equal. `target` 1: revision of the creation, 2: of the last change.
  Compare: message(
    {
      result: field('int32', 1),
      target: field('int32', 2),
      key: field('bytes', 3),
      create_revision: field('int64', 5),
      mod_revision: field('int64', 6),
    },
    { target_union: { oneof: ['create_revision', 'mod_revision'] } },
  ),
  TxnRequest: message({
    compare: repeated('Compare', 1),
    success: repeated('RequestOp', 2),
    failure: repeated('RequestOp', 3),
  }),
  TxnResponse: message({
    header: field('Header', 1),
    succeeded: field('bool', 2),
    responses: repeated('ResponseOp', 3),
  }),
  CompactionRequest: message({ revision: field('int64', 1) }),
  LeaseGrantRequest: message({ TTL: field('int64', 1) }),
  LeaseGrantResponse: message({ ID: field('int64', 2), TTL: field('int64', 3) }),
  LeaseRequest: message({ ID: field('int64', 1) }),
  LeaseKeepAliveResponse: message({ ID: field('int64', 2), TTL: field('int64', 3) }),
  WatchCreateRequest: message({ key: field('bytes', 1), start_revision: field('int64', 3) }),
  WatchRequest: message(
    { create_request: field('WatchCreateRequest', 1) },
    { request_union: { oneof: ['create_request'] } },
  ),
  // `type` 0: the key was set, 1: it was removed.
  Event: message({ type: field('int32', 1) }),
  WatchResponse: message({
    canceled: field('bool', 4),
    cancel_reason: field('string', 6),
    events: repeated('Event', 11),
  }),
  AuthenticateRequest: message({ name: field('string', 1), password: field('string', 2) }),
  AuthenticateResponse: message({ token: field('string', 2) }),
  Empty: message({}),
};

const services = {
  KV: {
    Range: unary('RangeRequest', 'RangeResponse'),
    Txn: unary('TxnRequest', 'TxnResponse'),
    Compact: unary('CompactionRequest', 'Empty'),
  },
  Lease: {
    LeaseGrant: unary('LeaseGrantRequest', 'LeaseGrantResponse'),
    LeaseRevoke: unary('LeaseRequest', 'Empty'),
    LeaseKeepAlive: stream('LeaseRequest', 'LeaseKeepAliveResponse'),
  },
  Watch: { Watch: stream('WatchRequest', 'WatchResponse') },
  Auth: { Authenticate: unary('AuthenticateRequest', 'AuthenticateResponse') },
};

/** A method of etcd, as `Service/Method`. */
export type EtcdMethod =
  | 'KV/Range'
  | 'KV/Txn'
  | 'KV/Compact'
  | 'Lease/LeaseGrant'
  | 'Lease/LeaseRevoke'
  | 'Lease/LeaseKeepAlive'
  | 'Watch/Watch'
  | 'Auth/Authenticate';

/** A method with its path on the wire and its codecs. */
export type EtcdMethodDefinition = MethodDefinition<object, object>;

/** The methods of {@link EtcdMethod}. */
export function etcdMethods(): ReadonlyMap<string, EtcdMethodDefinition> {
  const nested = {
    ...messages,
    ...Object.fromEntries(Object.entries(services).map(([name, methods]) => [name, { methods }])),
  };
  const loaded = fromJSON(
    { nested: { etcdserverpb: { nested } } },
    // 64-bit numbers as text: identifiers of leases do not fit into a JavaScript number.
    { keepCase: true, longs: String, defaults: true, bytes: Buffer },
  );
  const methods = new Map<string, EtcdMethodDefinition>();
  for (const name of Object.keys(services)) {
    const service = loaded[`etcdserverpb.${name}`] as ServiceDefinition;
    for (const [method, definition] of Object.entries(service)) {
      methods.set(`${name}/${method}`, definition);
    }
  }
  return methods;
}

/** A key with its value. Revisions and leases are 64-bit numbers as text. */
export interface EtcdKeyValue {
  readonly key: Buffer;
  readonly create_revision: string;
  readonly mod_revision: string;
  readonly value: Buffer;
  /** `0`: none. */
  readonly lease: string;
}

/** What a range has, in the order of its keys. */
export interface EtcdRange {
  readonly header: { readonly revision: string };
  readonly kvs: readonly EtcdKeyValue[];
  readonly more: boolean;
  readonly count: string;
}

/** One operation of a transaction. */
export type EtcdOperation =
  | { readonly request_range: { readonly key: string } }
  | {
      readonly request_put: {
        readonly key: string;
        readonly value: Uint8Array;
        readonly lease?: string | undefined;
      };
    }
  | { readonly request_delete_range: { readonly key: string } };

/** A condition of a transaction: when a key was made, or changed last; 0: it is not there. */
export interface EtcdCondition {
  readonly key: string;
  readonly is: 'created' | 'changed';
  readonly revision: string;
}

/** What came of a transaction. */
export interface EtcdTransactionResult {
  readonly header: { readonly revision: string };
  readonly succeeded: boolean;
  readonly responses: readonly { readonly response_range?: EtcdRange | null }[];
}
