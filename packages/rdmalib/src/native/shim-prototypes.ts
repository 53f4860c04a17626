const pointer = 'uintptr_t';
const memory = 'void *';

/**
 * Parameters of every function in native-shims/include/rdmalib_shim.h. All return `int`, but `shim_table` a pointer.
 * Native objects are pointers as numbers; `void *` is memory that the function uses only while it runs.
 */
export const shimPrototypes = {
  shim_error_text: [memory, 'uint32_t'],
  shim_table: [],

  shim_domain_open: ['str', memory],
  shim_domain_close: [pointer],
  shim_domain_capabilities: [pointer, memory],
  shim_domain_event_fd: [pointer],
  shim_domain_next_event: [pointer, memory],

  shim_region_open: [pointer, 'uint64_t', 'uint32_t', 'uint32_t', memory],
  shim_region_query: [pointer, memory],
  shim_region_close: [pointer],
  shim_unmap: ['uint64_t', 'uint64_t'],

  shim_queue_open: [pointer, 'uint32_t', 'uint32_t', memory],
  shim_queue_close: [pointer],
  shim_queue_poll: [pointer, memory, 'uint32_t'],
  shim_queue_spin: [pointer, memory, 'uint32_t', 'uint32_t'],
  shim_queue_block: [pointer, memory, 'uint32_t', 'int32_t'],
  shim_queue_arm: [pointer],
  shim_queue_interrupt: [pointer],

  shim_listener_open: [pointer, 'str', 'uint32_t', 'uint32_t', memory],
  shim_listener_port: [pointer],
  shim_listener_host: [pointer, memory, 'uint32_t'],
  shim_listener_close: [pointer],
  shim_request_reject: [pointer, memory, 'uint32_t'],

  shim_endpoint_open: [pointer, pointer, pointer, pointer, memory, memory],
  shim_endpoint_connect: [pointer, 'str', 'uint32_t', memory, 'uint32_t', 'uint32_t'],
  shim_endpoint_accept: [pointer, memory, 'uint32_t'],
  shim_endpoint_disconnect: [pointer],
  shim_endpoint_close: [pointer],
  shim_endpoint_state: [pointer],
  shim_endpoint_resolve: [pointer, memory, 'uint32_t'],
  shim_endpoint_map: [pointer, 'uint32_t', memory, memory],

  shim_post: [pointer, memory],
  shim_post_receive: [pointer, pointer, 'uint64_t', 'uint64_t', 'uint32_t', 'uint32_t'],
} as const satisfies Record<string, readonly string[]>;

/** The C name of a function of the ABI. */
export type ShimFunctionName = keyof typeof shimPrototypes;
